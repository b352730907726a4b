// The page: says what it looks at, draws the newest of it, and sends what is turned.

import { CHARTS, WIDE } from "./charts.js";
import { Controls } from "./controls.js";
import { PlanePanel, decodePlane, element } from "./planes.js";

const get = (id) => document.getElementById(id);
const RETRY_MS = 500;
const STALE_SECONDS = 3;

const state = {
  socket: null,
  panels: new Map(),      // by name: {panel, box, view}
  chosen: new Map(),      // by group: whether it is shown; what the user chose outlives a new layout
  visible: new Set(),     // names of panels on the screen
  pending: null,          // newest update that is not drawn
  drawn: 0,               // updates that were drawn
  latencies: [],          // ms from publishing to drawing, of the last 1,000 updates
  times: [],
  told: 0,
};
window.pixeltree = state; // for tests, and for whoever is curious

const controls = new Controls(get("controls"), (control, value) => send({ type: "set", control, value }));

function send(message) {
  if (state.socket?.readyState === WebSocket.OPEN) state.socket.send(JSON.stringify(message));
}

// -- the link ---------------------------------------------------------------------------------------

function connect() {
  const token = location.hash.slice(1);
  const query = token ? `?token=${encodeURIComponent(token)}` : "";
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${query}`);
  socket.binaryType = "arraybuffer";
  state.socket = socket;
  socket.onopen = () => { link("live", "live"); watch(); };
  socket.onmessage = ({ data }) => typeof data === "string" ? hear(JSON.parse(data)) : take(data);
  socket.onclose = ({ reason, code }) => {
    link("lost", reason || "the program that serves this page has gone; waiting for it");
    if (code !== 1008) setTimeout(connect, RETRY_MS);
  };
}

function link(kind, text) {
  document.body.classList.toggle("lost", kind === "lost");
  get("link").className = `link ${kind}`;
  get("link").textContent = text;
}

function hear(message) {
  if (message.type === "layout") lay(message);
  else if (message.type === "settings") controls.show(message.values);
  else if (message.type === "notice") say(message.text);
  else if (message.type === "error") say(message.detail);
}

function say(text) {
  get("notice").firstElementChild.textContent = text;
  get("notice").hidden = !text;
}
get("notice").lastElementChild.onclick = () => say("");

// -- panels -----------------------------------------------------------------------------------------

const onScreen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) state.visible.add(target.dataset.name); else state.visible.delete(target.dataset.name);
  }
  watch();
}, { rootMargin: "50px" });

function watch() {
  send({ type: "watch", panels: document.hidden ? [] : [...state.visible] });
}
document.addEventListener("visibilitychange", watch);

function lay({ title, panels, controls: list }) {
  document.title = get("title").textContent = title;
  controls.lay(list);
  layKeys(new Set(list.map((control) => control.name)));
  layPanels(panels);
}

const KEYS = [["pause", "space", "pause, go on"], ["step", ".", "next frame"], ["step_word", ",", "next word"]];
const PLANE_KEYS = [["+ −", "zoom"], ["arrows", "move"], ["0", "the whole plane"]];

function layKeys(names) {
  const known = KEYS.filter(([control]) => names.has(control)).map(([, key, does]) => [key, does]);
  get("keys").replaceChildren();
  for (const [key, does] of [...known, ["", "On a plane that has the focus:"], ...PLANE_KEYS]) {
    const line = element("div", "", get("keys"));
    if (key) element("kbd", "", line).textContent = key;
    line.append(key ? ` ${does}` : does);
  }
}

function layPanels(panels) {
  onScreen.disconnect();
  state.visible.clear();
  state.panels.clear();
  get("panels").replaceChildren();
  get("panels").classList.toggle("compare", panels.some((panel) => panel.details.compare));
  const groups = new Map();
  for (const panel of panels) groups.set(panel.group, [...(groups.get(panel.group) || []), panel]);
  const focused = document.activeElement?.dataset?.group;
  get("groups").replaceChildren();
  for (const [group, members] of groups) {
    if (!state.chosen.has(group)) state.chosen.set(group, members.some((panel) => panel.shown));
    const button = element("button", "", get("groups"));
    button.textContent = members[0].details.short || group;
    button.dataset.group = group;
    button.title = members[0].title;
    button.setAttribute("aria-pressed", state.chosen.get(group));
    button.onclick = () => { state.chosen.set(group, !state.chosen.get(group)); layPanels(panels); };
    if (state.chosen.get(group)) members.forEach((panel) => add(panel));
    if (group === focused) button.focus();   // who goes by keys goes on where they were
  }
  watch();
}

function add(panel) {
  const box = element("section", WIDE.has(panel.kind) ? "panel wide empty" : "panel empty", get("panels"));
  box.dataset.name = panel.name;
  const head = element("div", "head", box);
  element("h3", "", head).textContent = panel.title;
  const siblings = () => [...state.panels.values()].filter((each) => each.panel.group === panel.group && each.view instanceof PlanePanel).map((each) => each.view);
  const view = panel.kind === "plane" ? new PlanePanel(panel, box, head, siblings) : new CHARTS[panel.kind](panel, box);
  state.panels.set(panel.name, { panel, box, view });
  onScreen.observe(box);
}

// -- updates ----------------------------------------------------------------------------------------

function take(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const update = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  let at = 4 + size;
  for (const plane of update.planes) {
    plane.decoded = decodePlane(plane, new Uint8Array(buffer, at, plane.bytes));
    at += plane.bytes;
  }
  // Two updates before one drawing: the newer planes count, no point of a curve is lost.
  (state.pending ??= []).push(update);
  if (state.pending.length === 1) requestAnimationFrame(draw);
}

function draw() {
  const updates = state.pending;
  state.pending = null;
  for (const update of updates) {
    for (const { panel, decoded } of update.planes) found(panel)?.view.show(decoded);
    for (const [name, value] of Object.entries(update.values)) show(name, value);
    for (const [name, points] of Object.entries(update.series)) found(name)?.view.add(points);
    send({ type: "drawn", number: update.number });
    state.drawn++;
    state.latencies.push(performance.timeOrigin + performance.now() - 1000 * update.time);
  }
  state.latencies.splice(0, state.latencies.length - 1000);
  rate();
}

// A panel that is shown, and that has something to show now.
function found(name) {
  const panel = state.panels.get(name);
  panel?.box.classList.remove("empty");
  return panel;
}

function show(name, value) {
  const shown = found(name);
  if (!shown) return;
  shown.view.show(value);
  const lay = { result: "lay", marks: "mark" }[shown.panel.kind];
  if (!lay) return;
  for (const { panel, view } of state.panels.values()) {
    if (panel.details.overlay === name) view[lay](value);
  }
}

function rate() {
  const now = performance.now();
  state.times.push(now);
  while (state.times[0] < now - 2000) state.times.shift();
  const seconds = (now - state.times[0]) / 1000;
  if (seconds < 0.2 || now < state.told + 250) return;
  state.told = now;
  get("rate").classList.remove("stale");
  get("rate").textContent = `${((state.times.length - 1) / seconds).toFixed(0)} updates/s, ${state.latencies.at(-1).toFixed(0)} ms late`;
}

// What stands still looks like what moves; so say how old it is.
setInterval(() => {
  const seconds = (performance.now() - (state.times.at(-1) ?? performance.now())) / 1000;
  if (seconds < STALE_SECONDS || !state.visible.size) return;
  get("rate").classList.add("stale");
  get("rate").textContent = `last update ${seconds.toFixed(0)} s ago`;
}, 1000);

// A drawer that was closed on a narrow screen is open on a wide one, which has no handle for it.
matchMedia("(max-width: 50rem)").onchange = ({ matches }) => { if (!matches) get("drawer").open = true; };

document.addEventListener("keydown", (event) => {
  const typed = "select, textarea, input:not([type=range])";   // a slider has no use for these keys
  if (event.target.matches(typed) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.matches("button, summary")) return;   // it presses what has the focus
  const control = { " ": "pause", ".": "step", ",": "step_word" }[event.key];
  const button = control && document.querySelector(`button[data-control="${control}"]`);
  if (button) { event.preventDefault(); button.click(); }
});

connect();
