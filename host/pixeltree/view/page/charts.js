// Panels that are no planes: curves, texts, listings, results, trees, timelines.

import { element } from "./planes.js";

const SECONDS = 30;        // what a curve shows
const MOST_POINTS = 4000;

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1, width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.scale(ratio, ratio);
  return [context, canvas.clientWidth, canvas.clientHeight];
}

const short = (value) => Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Math.round(value * 100) / 100);

class Plot {
  constructor(panel, body) {
    this.canvas = element("canvas", "chart", body);
    this.unit = panel.details.unit || "";
    this.range = rangeOf(panel);
    this.points = [];
  }

  add(points) {
    this.points.push(...points);
    const first = this.points.at(-1)[0] - SECONDS;
    while (this.points.length > MOST_POINTS || this.points[0][0] < first) this.points.shift();
    const [context, width, height] = fitted(this.canvas);
    const values = this.points.map((point) => point[1]);
    let least = Math.min(...values, ...this.range), most = Math.max(...values, ...this.range);
    if (least === most) { least -= 1; most += 1; }
    const end = this.points.at(-1)[0];
    const x = (time) => 44 + (width - 50) * (1 - (end - time) / SECONDS);
    const y = (value) => 8 + (height - 24) * (most - value) / (most - least);
    context.strokeStyle = style("--line"); context.fillStyle = style("--faint"); context.font = "10px system-ui, sans-serif";
    for (const value of [least, most]) {
      context.beginPath(); context.moveTo(44, y(value)); context.lineTo(width, y(value)); context.stroke();
      context.textAlign = "right"; context.fillText(short(value), 40, y(value) + 3);
    }
    context.textAlign = "left"; context.fillText(`last ${SECONDS} s`, 44, height - 3);
    context.textAlign = "right"; context.fillText(`${short(values.at(-1))} ${this.unit}`, width - 2, height - 3);
    context.strokeStyle = style("--accent"); context.lineWidth = 1.5; context.beginPath();
    this.points.forEach(([time, value], index) => context[index ? "lineTo" : "moveTo"](x(time), y(value)));
    context.stroke();
  }
}

// The range that whoever made a panel asked for; nothing where it asked for none.
function rangeOf({ details: { least, most } }) { return least < most ? [least, most] : []; }

class BarsPanel {
  constructor(panel, body) {
    this.canvas = element("canvas", "chart", body);
    this.range = rangeOf(panel);
    this.values = [];
  }
  show(values) {
    this.values = values;
    const [context, width, height] = fitted(this.canvas);
    const least = Math.min(0, ...values, ...this.range), most = Math.max(1, ...values, ...this.range);
    const y = (value) => 8 + (height - 16) * (most - value) / (most - least), wide = (width - 50) / values.length;
    context.fillStyle = style("--faint"); context.font = "10px system-ui, sans-serif"; context.textAlign = "right";
    for (const value of [least, most]) context.fillText(short(value), 40, y(value) + 3);
    context.fillStyle = style("--accent");
    values.forEach((value, index) => context.fillRect(
      46 + index * wide, Math.min(y(0), y(value)), Math.max(1, wide - 2), Math.max(1, Math.abs(y(value) - y(0)))));
    this.canvas.title = values.length <= 32 ? values.map(short).join(", ") : "";
  }
}

// What lies over planes, in words; the planes that name it draw it.
class MarksPanel {
  constructor(panel, body) { this.text = element("pre", "text", body); }
  show({ boxes, points, texts, lines: drawn = [] }) {
    const lines = boxes.map(([top, left, height, width]) =>
      `rows ${top} to ${top + height - 1}, columns ${left} to ${left + width - 1}`);
    if (points.length) lines.push(`${points.length} points`);
    if (drawn.length) lines.push(`${drawn.length} strokes`);
    lines.push(...texts.map((text) => text[2]));
    this.text.textContent = lines.join("\n") || "nothing";
  }
}

class TextPanel {
  constructor(panel, body) { this.text = element("pre", "text", body); }
  show(value) { this.text.textContent = value; }
}

class TablePanel {
  constructor(panel, body) { this.table = element("table", "", body); }
  show(value) {
    this.table.replaceChildren(...Object.entries(value).map(([name, each]) => {
      const row = document.createElement("tr");
      element("td", "", row).textContent = name;
      element("td", "", row).textContent = typeof each === "number" ? short(each) : each;
      return row;
    }));
  }
}

class Listing {
  constructor(panel, body) {
    this.lines = element("pre", "listing", body);
    this.rows = (panel.details.rows || []).map((text) => {
      const row = element("span", "", this.lines);
      row.textContent = text || " ";
      this.lines.append("\n");
      return row;
    });
    this.note = element("div", "note", body);
  }
  show({ line, note }) {
    this.rows.forEach((row, index) => row.classList.toggle("now", index === line));
    const row = this.rows[line];
    if (row) this.lines.scrollTop = row.offsetTop - this.lines.offsetTop - this.lines.clientHeight / 2;
    this.note.textContent = note || "";
  }
}

class ResultPanel {
  constructor(panel, body) {
    this.label = element("div", "big", body);
    this.bars = element("div", "bars", body);
    this.map = element("canvas", "plane", body);
    this.map.hidden = true;
  }
  show({ label, margins, map }) {
    this.label.textContent = label;
    const sums = margins.map((margin) => margin[1]);
    const least = Math.min(0, ...sums), most = Math.max(1, ...sums), best = Math.max(...sums);
    this.bars.replaceChildren(...margins.flatMap(([name, sum]) => {
      const title = element("span", sum === best ? "best" : ""), meter = document.createElement("meter"), number = element("span", "");
      title.textContent = name; number.textContent = sum;
      meter.min = least; meter.max = most; meter.value = sum;
      return [title, meter, number];
    }));
    this.map.hidden = !map;
    if (map) this.drawMap(map);
  }
  drawMap(map) {
    const rows = map.length, columns = map[0].length, all = map.flat();
    const least = Math.min(...all), most = Math.max(...all);
    this.map.width = columns; this.map.height = rows;
    const context = this.map.getContext("2d");
    map.forEach((line, row) => line.forEach((value, column) => {
      const share = (value - least) / ((most - least) || 1);
      context.fillStyle = `hsl(${240 - 220 * share} 85% ${25 + 35 * share}%)`;
      context.fillRect(column, row, 1, 1);
    }));
  }
}

const SVG = "http://www.w3.org/2000/svg";

function shape(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// The tree from left to right: a node stands in the middle of what it leads to.
class TreePanel {
  constructor(panel, body) {
    this.nodes = panel.details.nodes || [];      // [{name, exits: [{node: name} or {label: name}]}], root first
    this.parts = new Map();                      // by "node" or "node>exit"
    this.svg = shape(body, "svg", { class: "tree", viewBox: "0 0 400 100" });
    const byName = new Map(this.nodes.map((node) => [node.name, node]));
    let leaves = 0, deepest = 0;
    const place = (node, depth) => {
      if (node.y !== undefined) return node.y;   // several nodes may lead to it
      deepest = Math.max(deepest, depth + 1);
      node.depth = depth;
      const places = node.exits.map((exit) => exit.node === undefined ? (exit.y = leaves++) : place(byName.get(exit.node), depth + 1));
      return (node.y = (Math.min(...places) + Math.max(...places)) / 2);
    };
    if (!this.nodes.length) return;
    place(this.nodes[0], 0);
    const high = Math.max(8, Math.min(14, 420 / leaves)), height = leaves * high + 22;
    const x = (depth) => 56 + 300 * depth / deepest, y = (at) => 17 + (at + 0.5) * high;
    this.svg.setAttribute("viewBox", `0 0 440 ${height}`);
    for (const node of this.nodes) {
      for (const exit of node.exits) {
        const far = exit.node === undefined ? [node.depth + 1, exit.y] : [node.depth + 1, byName.get(exit.node).y];
        const x0 = x(node.depth), x1 = x(far[0]), middle = (x0 + x1) / 2;
        const key = `${node.name}>${exit.node ?? exit.label}`;
        const path = shape(this.svg, "path", { d: `M${x0} ${y(node.y)}C${middle} ${y(node.y)} ${middle} ${y(far[1])} ${x1} ${y(far[1])}` });
        this.keep(key, path);
        if (exit.node === undefined) this.keep(key, shape(this.svg, "text", { x: x1 + 5, y: y(exit.y) + 3 }, exit.label));
      }
    }
    for (const node of this.nodes) {
      this.keep(node.name, shape(this.svg, "circle", { cx: x(node.depth), cy: y(node.y), r: 4 }));
      this.keep(node.name, shape(this.svg, "text", { x: x(node.depth) - 6, y: y(node.y) - 6, "text-anchor": "end" }, node.name));
    }
  }
  keep(key, part) { this.parts.set(key, [...(this.parts.get(key) || []), part]); }
  show({ path, label }) {
    const taken = new Set(path);
    path.forEach((name, index) => taken.add(`${name}>${path[index + 1] ?? label}`));
    for (const [key, parts] of this.parts) parts.forEach((part) => part.classList.toggle("taken", taken.has(key)));
  }
}

const LANES = { link: "#4477aa", array: "#228833", controller: "#ee6677", host: "#999" };

class Timeline {
  constructor(panel, body) {
    this.canvas = element("canvas", "chart", body);
    this.milliseconds = panel.details.milliseconds || 50;
    this.events = [];
  }
  add(points) {
    for (const [, events] of points) this.events.push(...events);
    if (!this.events.length) return;
    const end = Math.max(...this.events.slice(-200).map((event) => event[1] + event[2]));
    const first = end - 1000 * this.milliseconds;
    this.events = this.events.filter((event) => event[1] + event[2] >= first).slice(-MOST_POINTS);
    const [context, width, height] = fitted(this.canvas);
    const lanes = Object.keys(LANES), row = (height - 14) / lanes.length;
    context.font = "10px system-ui, sans-serif";
    lanes.forEach((lane, index) => { context.fillStyle = style("--faint"); context.fillText(lane, 0, index * row + row / 2 + 3); });
    for (const [lane, start, duration] of this.events) {
      context.fillStyle = LANES[lane];
      const x = 54 + (width - 54) * Math.max(0, start - first) / (end - first);
      context.fillRect(x, lanes.indexOf(lane) * row + 2, Math.max(1, (width - 54) * duration / (end - first)), row - 4);
    }
    context.fillStyle = style("--faint"); context.textAlign = "right";
    context.fillText(`last ${this.milliseconds} ms of the device's clock`, width, height - 2);
    context.textAlign = "left";
  }
}

export const CHARTS = {
  plot: Plot, text: TextPanel, table: TablePanel, listing: Listing, result: ResultPanel, tree: TreePanel, timeline: Timeline,
  bars: BarsPanel, marks: MarksPanel,
};
export const WIDE = new Set(["tree", "timeline", "listing"]);
