"""What was paid for stays: a folder of pictures, and a journal of all that was sent."""

from .begun import Attempt as Attempt
from .begun import Begun as Begun
from .begun import Elsewhere as Elsewhere
from .begun import Ended as Ended
from .begun import Pending as Pending
from .begun import Stored as Stored
from .record import KINDS as KINDS
from .record import Kind as Kind
from .store import RunStore as RunStore
from .store import Unconfirmed as Unconfirmed
