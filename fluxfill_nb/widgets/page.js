// What front ends leave out, for who has no mouse or sees no icons: run once a page, when the shared
// style sheet has come. Its animation tells what is new on the page.
if (!window.ffnbHelps) {
  window.ffnbHelps = true;
  const help = it => {
    if (it.matches("canvas:not(.ffnb-pad)")) {
      // It would keep the Tab key for itself.
      it.tabIndex = -1;
    } else if (it.matches("canvas")) {
      it.setAttribute("role", "application");
      it.setAttribute("aria-label", "Picture; each key has a button beside it");
    } else if (it.matches(".noUi-handle, input")) {
      const label = it.closest(".jupyter-widgets")?.querySelector(".widget-label");
      if (label) it.setAttribute("aria-label", label.textContent);
    }
  };
  document.addEventListener("animationstart", ({target}) => {
    if (target.closest?.(".ffnb-ui")) help(target);
  });
  document.querySelectorAll(".ffnb-ui :is(canvas, .noUi-handle, input[type=color])").forEach(help);
  document.addEventListener("keydown", event => {
    if (event.key === "Tab" && event.target.matches?.(".ffnb-pad")) event.stopImmediatePropagation();
  }, true);
}
