// Quickens what works without it: nothing here is needed.
"use strict";

// "/" goes to the search, wherever one is.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  }
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("header details[open]")) { open.open = false; }
  }
});

// The viewer's zone, for whoever has not chosen one.
if (!document.cookie.includes("zone=")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) { document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`; }
}

// What cannot be taken back asks once: the question stands on the button.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.question;
  if (question && !window.confirm(question)) { event.preventDefault(); }
});

// Copies the text it is told.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) { return; }
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
});

// A picture that can be moved: by wheel and drag here, by the links above it without.
for (const svg of document.querySelectorAll("svg[data-pan]")) {
  const [width, height] = svg.dataset.pan.split(" ").map(Number);
  const box = svg.viewBox.baseVal;
  const show = (x, y, w) => {
    w = Math.min(width, Math.max(width / 16, w));
    const h = w * height / width;
    svg.setAttribute("viewBox", `${Math.min(width - w, Math.max(0, x))} ${Math.min(height - h, Math.max(0, y))} ${w} ${h}`);
  };
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && box.width >= width && event.deltaY > 0) { return; }
    event.preventDefault();
    const at = svg.getBoundingClientRect();
    const [px, py] = [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    const w = Math.min(width, Math.max(width / 16, box.width * (event.deltaY > 0 ? 1.2 : 1 / 1.2)));
    show(box.x + (box.width - w) * px, box.y + (box.height - w * height / width) * py, w);
  }, { passive: false });
  let from = null;
  svg.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY, left: box.x, top: box.y, moved: false }; });
  svg.addEventListener("pointermove", (event) => {
    if (!from || event.buttons !== 1) { return; }
    const at = svg.getBoundingClientRect();
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.abs(dx) + Math.abs(dy) > 4) { from.moved = true; }
    show(from.left - dx * box.width / at.width, from.top - dy * box.height / at.height, box.width);
  });
  // Whoever moved the picture did not mean the node beneath.
  svg.addEventListener("click", (event) => { if (from?.moved) { event.preventDefault(); } from = null; }, true);
  svg.addEventListener("dragstart", (event) => event.preventDefault());
}
