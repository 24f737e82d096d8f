// Texts with too little contrast to what is behind them (WCAG 2.2 AA: 4.5 to 1, large texts 3 to 1), with the ratio.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, below) => top.slice(0, 3).map((part, i) => (part * top[3] + below[i] * (255 - top[3])) / 255);
  const behind = (one) => {
    if (!one) return [255, 255, 255];
    const style = getComputedStyle(one);
    if (style.backgroundImage !== "none") return null;
    const own = rgba(style.backgroundColor);
    if (own[3] === 255) return own;
    const rest = behind(one.parentElement);
    return rest && over(own, rest);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
    if (!text || !one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || one.closest("[inert], noscript, :disabled, [aria-hidden='true']")) continue;
    const paper = behind(one);
    if (!paper) continue;
    const style = getComputedStyle(one);
    const ink = over(rgba(style.color), paper);
    const [high, low] = [light(ink), light(paper)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${one.className} ${text.slice(0, 40)}`);
  }
  return found;
}
