"""What is seen in a notebook: each widget shows a model, and calls its public methods."""
