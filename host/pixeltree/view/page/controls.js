// What can be turned: sliders, switches, choices, buttons.

import { element } from "./planes.js";

export class Controls {
  constructor(parent, set) {
    this.parent = parent;
    this.set = set;
    this.inputs = new Map();   // by name: a function that shows a value
  }

  lay(controls) {
    const focused = document.activeElement?.dataset?.control;
    this.inputs.clear();
    this.parent.replaceChildren();
    const groups = new Map();
    for (const control of controls) {
      if (!groups.has(control.group)) {
        if (control.group) element("h2", "", this.parent).textContent = control.group;
        const box = element("div", "group", this.parent);
        groups.set(control.group, { box, buttons: null });
      }
      const group = groups.get(control.group);
      if (control.kind === "button" || control.kind === "switch") {
        group.buttons ??= element("div", "buttons", group.box);
        this[control.kind](control, group.buttons);
      } else {
        this[control.kind](control, element("div", "control", group.box));
      }
    }
    if (focused) this.parent.querySelector(`[data-control="${CSS.escape(focused)}"]`)?.focus();
  }

  show(values) {
    for (const [name, value] of Object.entries(values)) this.inputs.get(name)?.(value);
  }

  button(control, box) {
    const button = element("button", "", box);
    button.textContent = control.title; button.title = control.hint; button.dataset.control = control.name;
    button.onclick = () => this.set(control.name, true);
  }

  switch(control, box) {
    const button = element("button", "", box);
    button.textContent = control.title; button.title = control.hint; button.dataset.control = control.name;
    const show = (value) => button.setAttribute("aria-pressed", value);
    button.onclick = () => { const value = button.getAttribute("aria-pressed") !== "true"; show(value); this.set(control.name, value); };
    show(control.value);
    this.inputs.set(control.name, show);
  }

  slider(control, box) {
    const label = element("label", "", box);
    label.title = control.hint;
    element("span", "", label).textContent = control.unit ? `${control.title} (${control.unit})` : control.title;
    const number = element("input", "", label), range = element("input", "", box);
    number.type = "number"; range.type = "range";
    range.dataset.control = control.name; range.setAttribute("aria-label", control.title);
    number.setAttribute("aria-label", `${control.title}, as a number`);
    for (const input of [number, range]) { input.min = control.least; input.max = control.most; input.step = 1; input.value = control.value; }
    let held = false;   // while it is dragged, nobody else moves it
    range.onpointerdown = () => { held = true; };
    range.onpointerup = range.onpointercancel = () => { held = false; };
    range.oninput = () => { number.value = range.value; this.set(control.name, Number(range.value)); };
    number.onchange = () => {
      const value = Math.round(Math.max(control.least, Math.min(control.most, Number(number.value) || 0)));
      number.value = range.value = value;
      this.set(control.name, value);
    };
    this.inputs.set(control.name, (value) => { if (!held && document.activeElement !== number) number.value = range.value = value; });
  }

  choice(control, box) {
    const label = element("label", "", box);
    label.title = control.hint;
    element("span", "", label).textContent = control.title;
    const select = element("select", "", label);
    select.dataset.control = control.name;
    select.replaceChildren(...control.options.map((option) => new Option(option)));
    select.value = control.value;
    select.onchange = () => this.set(control.name, select.value);
    this.inputs.set(control.name, (value) => { select.value = value; });
  }
}
