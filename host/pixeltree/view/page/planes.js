// A plane as a picture: contrast, scale, zoom, and the value under the pointer.

const SIZE = 256;
const STRIDE = 3;          // every third pixel tells the range of a plane well enough
const views = new Map();   // zoom of a group: {scale, row, column} of the upper left corner

const CONTRASTS = {
  levels: ["stretched", "-128 to 127", "0 to 127"],
  difference: ["stretched", "-128 to 127"],
  grey: ["0 to 255", "stretched"],
  bits: [],
};

const grey = (share) => { const v = Math.round(255 * share); return [v, v, v]; };

// Blue where below 0, white at 0, red where above.
const diverging = (share) => {
  const away = Math.min(1, Math.abs(2 * share - 1)), pale = Math.round(255 * (1 - away));
  return share < 0.5 ? [pale, pale, 255] : [255, pale, pale];
};

export class PlanePanel {
  constructor(panel, body, head, siblings) {
    this.panel = panel;
    this.siblings = siblings;   // panels of the same group: they share zoom, pointer and contrast
    this.plane = null;
    this.overlay = null;
    this.marks = null;
    this.range = null;          // [least, most] that is drawn
    this.canvas = element("canvas", "plane", body);
    this.canvas.dataset.panel = panel.name;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", panel.title);
    const scale = element("div", "scale", body);
    this.least = element("span", "", scale);
    this.bar = element("canvas", "", scale);
    this.bar.width = 128; this.bar.height = 1;
    this.most = element("span", "", scale);
    this.scaleLine = scale;
    this.pointer = element("div", "pointer", body);
    this.pointer.textContent = "\u00a0";
    this.select = element("select", "", head);
    this.select.title = "contrast";
    this.select.setAttribute("aria-label", `contrast of ${panel.title}`);
    this.select.hidden = true;
    this.select.onchange = () => this.siblings().forEach((each) => { each.select.value = this.select.value; each.draw(); });
    this.table = new Uint32Array(512);   // colour of a value, by the value + 128
    this.at = null;
    this.listen();
  }

  show(plane) {
    this.plane = plane;
    const contrasts = CONTRASTS[plane.scale];
    if (this.scaleName !== plane.scale) {
      this.scaleName = plane.scale;
      this.select.replaceChildren(...contrasts.map((name) => new Option(name)));
      this.select.hidden = !contrasts.length;
      this.scaleLine.hidden = !contrasts.length;
    }
    this.draw();
  }

  limits() {
    const { scale, data } = this.plane;
    const chosen = this.select.value;
    if (scale === "bits") return [0, 1];
    if (chosen.includes(" to ")) return chosen.split(" to ").map(Number);
    const counts = new Uint32Array(512);
    for (let i = 0; i < data.length; i += STRIDE) counts[data[i] + 128]++;
    // What 0.1% of the pixels lie beyond is drawn as black or white: one hot pixel does not darken a picture.
    const beyond = data.length / STRIDE / 1000;
    let least = 0, most = 511, sum = 0;
    for (; least < 511 && (sum += counts[least]) <= beyond; least++);
    for (sum = 0; most > least && (sum += counts[most]) <= beyond; most--);
    least -= 128; most -= 128;
    if (scale === "difference") { const far = Math.max(1, Math.abs(least), Math.abs(most)); return [-far, far]; }
    if (least < most) return [least, most];
    return scale === "grey" ? [0, 255] : [-128, 127];   // nothing to stretch: darkness shall be dark
  }

  draw() {
    if (!this.plane) return;
    const { rows, columns, data, scale } = this.plane;
    const sharers = this.siblings().filter((each) => each.plane && each.plane.scale === scale);
    const ranges = sharers.map((each) => each.limits());
    const least = Math.min(...ranges.map((r) => r[0])), most = Math.max(...ranges.map((r) => r[1]));
    this.range = [least, most];
    const colour = scale === "difference" ? diverging : grey, table = this.table;
    if (this.tableFor !== `${scale} ${least} ${most}`) {
      this.tableFor = `${scale} ${least} ${most}`;
      for (let value = -128; value < 384; value++) {
        const [r, g, b] = colour(Math.max(0, Math.min(1, (value - least) / (most - least))));
        table[value + 128] = (255 << 24) | (b << 16) | (g << 8) | r;
      }
    }
    if (this.pixels?.width !== columns || this.pixels?.height !== rows) {
      this.image = new OffscreenCanvas(columns, rows);
      this.pixels = new ImageData(columns, rows);
      this.words = new Uint32Array(this.pixels.data.buffer);
      this.imageContext = this.image.getContext("2d");
    }
    for (let i = 0; i < data.length; i++) this.words[i] = table[data[i] + 128];
    this.imageContext.putImageData(this.pixels, 0, 0);
    if (this.shown !== `${least} ${most}`) {   // text that is written makes the page lay itself out
      this.shown = `${least} ${most}`;
      this.least.textContent = least; this.most.textContent = most;
    }
    if (!this.scaleLine.hidden && this.barFor !== scale) this.drawBar(colour);
    this.barFor = scale;
    this.paint();
    this.tellPointer();
  }

  drawBar(colour) {
    const context = this.bar.getContext("2d");
    for (let x = 0; x < this.bar.width; x++) {
      context.fillStyle = `rgb(${colour(x / (this.bar.width - 1)).join(" ")})`;
      context.fillRect(x, 0, 1, 1);
    }
  }

  // What of the plane is seen; before anybody has zoomed, all of it.
  get view() {
    if (!views.has(this.panel.group)) views.set(this.panel.group, { scale: 1, row: 0, column: 0 });
    return views.get(this.panel.group);
  }

  paint() {
    const side = Math.max(64, Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1)));
    if (this.canvas.width !== side) { this.canvas.width = side; this.canvas.height = side; }
    const context = this.canvas.getContext("2d");
    const { columns, rows } = this.plane, { scale, row, column } = this.view;
    this.canvas.classList.toggle("zoomed", scale > 1);   // then a finger moves the plane, and not the page
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, column, row, columns / scale, rows / scale, 0, 0, side, side);
    if (this.overlay) this.paintOverlay(context, side);
    if (this.marks) this.paintMarks(context, side);
  }

  // A result over the picture. The first one moves the view to its window, where that is a small part.
  lay(result) {
    const first = !this.overlay && !this.view.chosen, [top, left, height, width] = result.window || [0, 0, SIZE, SIZE];
    this.overlay = result;
    if (first && 2 * Math.max(height, width) <= SIZE) {
      const scale = SIZE / (1.6 * Math.max(height, width));
      Object.assign(this.view, { scale, row: top + height / 2 - SIZE / scale / 2, column: left + width / 2 - SIZE / scale / 2 });
      if (this.plane) this.keepInside();
    }
    if (this.plane) this.paint();
  }

  paintOverlay(context, side) {
    const { scale, row, column } = this.view, unit = side * scale / this.plane.columns;
    context.strokeStyle = "#ff6b1a"; context.fillStyle = "#ff6b1a"; context.lineWidth = Math.max(1, side / 200);
    const [top, left, height, width] = this.overlay.window || [0, 0, this.plane.rows, this.plane.columns];
    const x = (left - column) * unit, y = (top - row) * unit;
    context.strokeRect(x, y, width * unit, height * unit);
    context.font = `600 ${Math.round(side / 14)}px system-ui, sans-serif`;
    context.textBaseline = "bottom";
    context.fillText(this.overlay.label, Math.max(4, x + 2), Math.max(side / 13, y - 2));
  }

  mark(marks) {
    this.marks = marks;
    if (this.plane) this.paint();
  }

  paintMarks(context, side) {
    const { scale, row, column } = this.view, unit = side * scale / this.plane.columns;
    context.strokeStyle = context.fillStyle = "#ff6b1a"; context.lineWidth = Math.max(1, side / 200);
    for (const [top, left, height, width] of this.marks.boxes) {
      context.strokeRect((left - column) * unit, (top - row) * unit, width * unit, height * unit);
    }
    const dot = Math.max(2, unit);
    for (const [at, across] of this.marks.points) {
      context.fillRect((across - column + 0.5) * unit - dot / 2, (at - row + 0.5) * unit - dot / 2, dot, dot);
    }
    context.font = `${Math.round(side / 20)}px system-ui, sans-serif`;
    for (const [path, colour, wide] of this.marks.lines || []) {
      context.strokeStyle = context.fillStyle = colour; context.lineWidth = Math.max(1, wide * unit);
      const places = path.map(([at, across]) => [(across - column) * unit, (at - row) * unit]);
      if (places.length === 1) {
        context.fillRect(places[0][0] - dot / 2, places[0][1] - dot / 2, dot, dot);
        continue;
      }
      context.beginPath();
      places.forEach(([x, y]) => context.lineTo(x, y));
      context.stroke();
    }
    context.fillStyle = "#ff6b1a";
    for (const [at, across, text] of this.marks.texts) context.fillText(text, (across - column) * unit, (at - row) * unit);
  }

  listen() {
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect(), view = this.view;
      const columns = this.plane ? this.plane.columns : SIZE, rows = this.plane ? this.plane.rows : SIZE;
      return {
        row: view.row + (event.clientY - box.top) / box.height * rows / view.scale,
        column: view.column + (event.clientX - box.left) / box.width * columns / view.scale,
      };
    };
    const everywhere = (action) => this.siblings().forEach((each) => each.plane && action(each));
    this.canvas.onpointermove = (event) => {
      const at = place(event), view = this.view;
      if (this.drag) {
        view.row += this.drag.row - at.row; view.column += this.drag.column - at.column;
        this.keepInside(); everywhere((each) => each.paint());
        return;
      }
      everywhere((each) => { each.at = { row: Math.floor(at.row), column: Math.floor(at.column) }; each.tellPointer(); });
    };
    this.canvas.onpointerleave = () => everywhere((each) => { each.at = null; each.tellPointer(); });
    this.canvas.onpointerdown = (event) => { this.drag = place(event); this.canvas.setPointerCapture(event.pointerId); };
    this.canvas.onpointerup = () => { this.drag = null; };
    const zoom = (at, factor) => {
      if (!this.plane) return;
      const view = this.view, scale = Math.max(1, Math.min(32, view.scale * factor));
      view.row = at.row - (at.row - view.row) * view.scale / scale;
      view.column = at.column - (at.column - view.column) * view.scale / scale;
      view.scale = scale; view.chosen = true;
      this.keepInside(); everywhere((each) => each.paint());
    };
    this.canvas.ondblclick = (event) => zoom(place(event), this.view.scale > 1 ? 0 : 4);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(place(event), event.deltaY < 0 ? 1.25 : 0.8);
    }, { passive: false });
    this.canvas.onkeydown = (event) => {
      if (!this.plane) return;
      const view = this.view, part = this.plane.rows / view.scale, move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      const factor = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 }[event.key];
      if (factor !== undefined) zoom({ row: view.row + part / 2, column: view.column + part / 2 }, factor);
      else if (move && view.scale > 1) { view.row += move[0] * part / 8; view.column += move[1] * part / 8; this.keepInside(); everywhere((each) => each.paint()); }
      else return;
      event.preventDefault();
    };
    this.canvas.title = "wheel: zoom; drag: move; double click: nearer, and back to the whole plane";
  }

  keepInside() {
    const view = this.view, columns = this.plane.columns, rows = this.plane.rows;
    view.row = Math.max(0, Math.min(rows - rows / view.scale, view.row));
    view.column = Math.max(0, Math.min(columns - columns / view.scale, view.column));
  }

  tellPointer() {
    const { at, plane } = this;
    if (!at && this.pointer.textContent === "\u00a0") return;
    if (!at || !plane || at.row < 0 || at.column < 0 || at.row >= plane.rows || at.column >= plane.columns) {
      this.pointer.textContent = "\u00a0";
      return;
    }
    this.pointer.textContent = `row ${at.row}, column ${at.column}: ${plane.data[at.row * plane.columns + at.column]}`;
  }
}

// Pixels of a plane as numbers, whatever way they came.
export function decodePlane(head, bytes) {
  const { rows, columns, scale } = head;
  if (scale === "bits") {
    const data = new Uint8Array(rows * columns);
    for (let i = 0; i < data.length; i++) data[i] = (bytes[i >> 3] >> (i & 7)) & 1;
    return { rows, columns, scale, data };
  }
  const data = scale === "grey" ? bytes : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { rows, columns, scale, data };
}

export function element(name, className, parent) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}
