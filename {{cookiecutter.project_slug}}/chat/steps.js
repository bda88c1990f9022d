// A link to a passage opens the step in which it stands folded away. Once in each page, however often this is drawn.
if (!window.opensPassages) {
  window.opensPassages = true;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#passage-"]');
    const name = link && CSS.escape(link.getAttribute("href").slice(1));
    const passage = name && document.querySelector(`[class*="st-key-app-${name}_"]`); // the first of those
    if (!passage) return;
    event.preventDefault();
    const step = passage.closest("details");
    if (step && !step.open) step.querySelector("summary").click();
    setTimeout(() => {
      passage.scrollIntoView({ block: "center" });
      passage.animate([{ background: "#0f766e40" }, { background: "transparent" }], 3000);
    }, 300); // it unfolds that fast
  });
}
