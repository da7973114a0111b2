"use strict";
document.body.classList.add("scripted");
for (const article of document.querySelectorAll("article")) {
  const buttons = article.querySelectorAll("button[data-mode]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      article.dataset.mode = button.dataset.mode;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    });
  }
  const cut = article.querySelector(".cut");
  const move = () => article.style.setProperty("--cut", cut.value + "%");
  const asked = new URLSearchParams(location.hash.slice(1)); // #mode=slider&cut=40 opens a page like that
  if (cut) {
    cut.addEventListener("input", move);
    cut.value = asked.get("cut") ?? 50;
    move();
  }
  const marks = article.querySelector("input[type=checkbox]");
  if (marks) marks.addEventListener("change", () => article.classList.toggle("unmarked", !marks.checked));
  for (const button of buttons) if (button.dataset.mode === asked.get("mode")) button.click();
}
