// Draws one question, a guess (predict) or a choice (quiz), and reports the answer to Python, which records it.
// Words are set as text, never as HTML; what stands in `backticks` becomes a <code> element.

const WAIT = 400; // ms without an answer before the card says that Python is busy

let cards = 0; // ids must differ when a question is shown twice

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

function setWords(node, text) {
  if (node.dataset.words === text) return;
  node.dataset.words = text;
  node.replaceChildren(...text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? element("code", "", part) : part)));
}

class Card {
  constructor(model, root) {
    this.model = model;
    this.id = `evlab-question-${(cards += 1)}-${Math.floor(Math.random() * 1e6)}`;
    this.sent = Math.floor(Math.random() * 1e9);
    this.waiting = null;
    this.options = new Map();
    this.root = root;
    const view = model.get("view");
    root.className = "evlab-card";
    this.form = element("form");
    this.form.noValidate = true;
    const body = element("fieldset");
    this.label = element("p", "evlab-label", view.label);
    this.question = element("legend", "evlab-question");
    this.question.id = `${this.id}-question`;
    body.append(this.question);
    this.status = element("p", "evlab-status evlab-small");
    this.status.id = `${this.id}-status`;
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.commit = element("button", "evlab-button evlab-main");
    this.commit.type = "submit";
    if (view.kind === "number") body.append(this.buildNumber(view));
    else body.append(this.list = element("div", "evlab-options"));
    const foot = element("div", "evlab-commit");
    foot.append(this.commit, this.status);
    body.append(foot);
    this.form.append(body);
    root.append(this.label, this.form);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = this.input ? this.input.value : this.form.querySelector("input:checked")?.value;
      this.send(chosen ?? null);
    });
    // JupyterLab moves the cell selection on arrow keys, and inserts cells on letters, wherever the focus is.
    root.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
    });
    this.show(view);
  }

  buildNumber(view) {
    const row = element("div", "evlab-ask");
    this.input = element("input");
    this.input.type = "text";
    this.input.inputMode = "decimal";
    this.input.autocomplete = "off";
    this.input.maxLength = 40;
    this.input.setAttribute("aria-labelledby", `${this.id}-question ${this.id}-unit`);
    this.input.setAttribute("aria-describedby", this.status.id);
    const unit = element("span", "", view.unit);
    unit.id = `${this.id}-unit`;
    row.append(this.input, unit);
    return row;
  }

  send(value) {
    this.sent += 1;
    this.model.send({ action: "answer", value, n: this.sent });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => setWords(this.status, "Waiting for Python. If no cell is running, run this one again."), WAIT);
  }

  show(view) {
    if (view.n === this.sent) clearTimeout(this.waiting);
    setWords(this.question, view.question);
    setWords(this.status, view.status);
    this.status.classList.toggle("evlab-warn", view.warn);
    this.commit.hidden = view.kind === "quiz" || view.locked;
    this.commit.textContent = view.commit;
    if (this.input) {
      this.input.readOnly = view.locked;
      if (!view.warn) this.input.value = view.chosen ?? "";
      this.input.setAttribute("aria-invalid", String(view.warn));
    } else view.options.forEach((option) => this.showOption(view, option));
    this.root.dataset.n = String(view.n);
  }

  showOption(view, option) {
    if (!this.options.has(option.value)) {
      const made = view.kind === "quiz" ? this.buildChoice(option) : this.buildRadio(option);
      this.options.set(option.value, made);
      this.list.append(made.node);
    }
    const made = this.options.get(option.value);
    made.node.className = `evlab-option ${option.tone ? `evlab-${option.tone}` : ""}`;
    setWords(made.text, option.text);
    setWords(made.why, option.why);
    made.why.hidden = !option.why;
    made.sign.textContent = { right: "\u2713", wrong: "\u2717" }[option.tone] || "";
    if (made.radio) {
      made.node.classList.toggle("evlab-locked", view.locked);
      made.radio.disabled = view.locked;
      made.radio.hidden = view.locked;
      made.sign.hidden = !view.locked;
      if (view.n === this.sent || view.n === null || view.locked) made.radio.checked = option.value === view.chosen;
      this.highlight();
    }
  }

  buildRadio(option) {
    const node = element("label");
    const radio = element("input");
    radio.type = "radio";
    radio.name = this.id;
    radio.value = option.value;
    radio.addEventListener("change", () => this.highlight());
    node.append(radio);
    return { radio, ...this.addWords(node) };
  }

  buildChoice(option) {
    const node = element("button");
    node.type = "button";
    node.addEventListener("click", () => this.send(option.value));
    return this.addWords(node);
  }

  addWords(node) {
    const sign = element("span", "evlab-sign");
    sign.setAttribute("aria-hidden", "true");
    const words = element("span");
    const text = element("span");
    const why = element("span", "evlab-why");
    words.append(text, why);
    node.append(sign, words);
    return { node, sign, text, why };
  }

  highlight() {
    for (const { node, radio } of this.options.values()) {
      if (radio) node.classList.toggle("evlab-chosen", radio.checked && !node.classList.contains("evlab-right")
        && !node.classList.contains("evlab-wrong"));
    }
  }
}

function render({ model, el }) {
  const root = element("div");
  el.append(root);
  const card = new Card(model, root);
  const changed = () => card.show(model.get("view"));
  model.on("change:view", changed);
  return () => {
    clearTimeout(card.waiting);
    model.off("change:view", changed);
  };
}

export default { render };
