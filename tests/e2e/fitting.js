// What stands out to the right of the window, is cut off, or scrolls sideways; Slack's strip of channels may.
() => [...document.querySelectorAll("*")].filter((one) => {
  const style = getComputedStyle(one);
  const cut = one.scrollWidth > one.clientWidth + 1 && style.overflowX !== "visible" && style.textOverflow !== "ellipsis";
  const box = one.getBoundingClientRect();
  return box.width > 1 && !one.closest(".sl-side") && (cut || box.right > innerWidth + 1);
}).map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 60)}`)
