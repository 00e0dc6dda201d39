// What figures and the fabric share: nodes, numbers, ticks, markers, scales, tips.

const SVG_NAME = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function draw(parent, name, attributes = {}, text) {
  const node = document.createElementNS(SVG_NAME, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function format(value, digits = 4) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  const options = size !== 0 && (size < 1e-3 || size >= 1e9) ? { notation: "scientific", maximumSignificantDigits: 3 }
    : size >= 10 ** digits ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return value.toLocaleString("en-US", options).replace("-", "−");
}

function niceTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const wide = Math.log10(high / low) > 2.2;
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of wide ? [1] : [1, 2, 5]) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

// The markers of the printed figures, in a box from -1 to 1.
const MARKERS = {
  s: "M-.8-.8H.8V.8H-.8Z", D: "M0-1.05 1.05 0 0 1.05-1.05 0Z", d: "M0-1.1.65 0 0 1.1-.65 0Z", "^": "M0-1 1 .8H-1Z", v: "M0 1 1-.8H-1Z",
  "<": "M-1 0 .8-1V1Z", ">": "M1 0-.8-1V1Z", P: "M-.35-1h.7v.65H1v.7H.35V1h-.7V.35H-1v-.7h.65Z",
  X: "M-.6-1 0-.4.6-1 1-.6.4 0 1 .6.6 1 0 .4-.6 1-1 .6-.4 0-1-.6Z", "*": "M0-1.1.3-.35 1.1-.3.45.2.7 1 0 .5-.7 1-.45.2-1.1-.3-.3-.35Z",
  h: "M0-1 .87-.5V.5L0 1-.87.5V-.5Z", p: "M0-1 .95-.3.6.8H-.6L-.95-.3Z", o: "M-1 0A1 1 0 1 1 1 0 1 1 0 1 1-1 0Z",
};

function drawMarker(parent, series, x, y, size = 5, more = "") {
  if (series.marker === "none") return null;
  const path = MARKERS[series.marker] || MARKERS.o;
  return draw(parent, "path", {
    class: `mark ${series.ink} ${series.hollow ? "hollow" : ""} ${more}`, d: path,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size})`, "vector-effect": "non-scaling-stroke",
  });
}

function drawKey(svg, series) {
  draw(svg, "line", { class: `line ${series.ink}`, x1: 0, x2: 22, y1: 5, y2: 5, "stroke-dasharray": series.dash || "none" });
  drawMarker(svg, series, 11, 5, 3.8);
}

class Scale {
  constructor(low, high, from, to, log) {
    Object.assign(this, { low, high, from, to, log });
    // An interval may end at 0 or below: it leaves a logarithmic axis.
    const put = log ? (value) => Math.log(Math.max(value, low * 1e-3)) : (value) => value;
    const [start, span] = [put(low), put(high) - put(low) || 1];
    this.at = (value) => from + ((put(value) - start) / span) * (to - from);
    this.back = (place) => {
      const value = start + ((place - from) / (to - from)) * span;
      return log ? Math.exp(value) : value;
    };
  }
  ticks(count) { return this.log ? logTicks(this.low, this.high) : niceTicks(this.low, this.high, count); }
}

// Heights follow from what is drawn: only another width is a reason to draw anew.
function onWidth(node, act) {
  let width = null;
  new ResizeObserver(() => { if (node.clientWidth !== width) { width = node.clientWidth; act(); } }).observe(node);
}

function interval(low, high) {
  return isNumber(low) && isNumber(high) ? [["from", low], ["to", high]] : [];
}

function shorten(text, most) {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…` : text;
}

function nearest(sorted, value) {
  let best = -1;
  sorted.forEach((one, index) => { if (best < 0 || Math.abs(one - value) < Math.abs(sorted[best] - value)) best = index; });
  return best;
}

function placeTip(tip, frame, x, y) {
  tip.style.visibility = "visible";
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = x + 14 + width > frame.clientWidth ? x - 14 - width : x + 14;
  tip.style.left = `${clamp(left, 0, Math.max(0, frame.clientWidth - width))}px`;
  tip.style.top = `${clamp(y - height / 2, -10, Math.max(0, frame.clientHeight - height))}px`;
}

// The stretches of consecutive numbers in a rising list.
function stretches(numbers) {
  const parts = [];
  numbers.forEach((number, index) => {
    if (index && numbers[index - 1] === number - 1) parts[parts.length - 1].push(number);
    else parts.push([number]);
  });
  return parts;
}
