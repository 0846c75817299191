// The model picker: a searchable list over a native select, which stays for the form. The whole list is loaded at its first opening.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const select = byId("model");
  const button = byId("model-button");
  const menu = byId("model-menu");
  if (!select || !button || !menu) return;
  const { memory } = window.ollive;
  const chat = byId("chat");
  const search = byId("model-search");
  const box = byId("model-list");
  const note = byId("model-note");
  const dialog = byId("other-model");
  const path = byId("other-model-path");
  const demoNotice = byId("demo-notice");
  const template = byId("model-option").content.firstElementChild;
  const SHOWN = 150;
  const RECENT = 5;
  const CAN = ["vision", "tools", "reasoning"];
  const lastKey = `ollive.model.${chat.dataset.user}`;
  const shelfKey = `ollive.models.${chat.dataset.user}`;

  // --- What there is: the page's few at first, then everything --------------------------------------------------------
  let models = [...select.options].filter((option) => option.value).map(ofOption);
  let loading = null;
  let problem = "";

  function ofOption(option) {
    const can = Object.fromEntries(CAN.map((name) => [name, option.dataset[name]]));
    const provider = option.closest("optgroup")?.label || "";
    return { path: option.value, label: option.textContent, provider, isDemo: option.dataset.isDemo !== undefined, ...can };
  }

  function load() {
    loading ||= fetch(menu.dataset.url, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`))))
      .then((found) => {
        const mine = models.filter((one) => one.provider === "This chat" && !found.models.some(({ path }) => path === one.path));
        models = [...mine, ...found.models];
        problem = "";
      })
      .catch(() => {
        loading = null; // the next opening tries again
        problem = "The whole list could not be loaded; these are the ones of this page.";
      });
    return loading;
  }

  const find = (value) => models.find((model) => model.path === value);

  // --- Choosing -------------------------------------------------------------------------------------------------------
  let chosen = select.value;

  function shelf() {
    try {
      return { favourites: [], recent: [], ...JSON.parse(memory.get(shelfKey) || "{}") };
    } catch {
      return { favourites: [], recent: [] };
    }
  }

  function keep(kept) {
    memory.set(shelfKey, JSON.stringify(kept));
  }

  function show() {
    const model = find(chosen);
    byId("model-name").textContent = model?.label || chosen || "No model yet";
    button.title = model?.standsFor ? `${chosen} → ${model.standsFor}` : chosen;
    demoNotice.hidden = select.selectedOptions[0]?.dataset.isDemo === undefined;
  }

  // Also for a path that nobody lists.
  function put(value) {
    let option = [...select.options].find((one) => one.value === value);
    if (!option) {
      const model = find(value);
      option = new Option(model?.label || value, value);
      for (const name of CAN) option.dataset[name] = model?.[name] || "maybe";
      if (model?.isDemo) option.dataset.isDemo = "";
      select.prepend(option);
    }
    select.value = chosen = value;
    show();
  }

  function choose(value) {
    if (!value) return;
    put(value);
    memory.set(lastKey, value);
    const kept = shelf();
    kept.recent = [value, ...kept.recent.filter((one) => one !== value)].slice(0, RECENT);
    keep(kept);
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function star(value) {
    const kept = shelf();
    const is = kept.favourites.includes(value);
    kept.favourites = is ? kept.favourites.filter((one) => one !== value) : [...kept.favourites, value];
    keep(kept);
    const at = active;
    fill();
    point(Math.min(at, options().length - 1));
  }

  // --- The list -------------------------------------------------------------------------------------------------------
  let active = -1;
  let taker = null; // who gets the model, where that is not the composer
  let opener = button;
  const options = () => [...box.querySelectorAll("[role=option]")];

  function matching() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = models.filter((model) => {
      const text = `${model.path} ${model.label} ${model.provider}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    // What begins as it was typed comes first; the rest keeps its order.
    const begins = (model) => (words.length && model.label.toLowerCase().startsWith(words[0]) ? 0 : 1);
    return words.length ? found.sort((one, other) => begins(one) - begins(other)) : found;
  }

  function groups() {
    const found = matching();
    const kept = shelf();
    const lead = search.value.trim() ? [] : [...kept.favourites, ...kept.recent.filter((one) => !kept.favourites.includes(one))];
    const known = new Map(found.map((model) => [model.path, model]));
    const result = new Map();
    const add = (label, model) => result.set(label, [...(result.get(label) || []), model]);
    for (const one of lead) if (known.has(one)) add(kept.favourites.includes(one) ? "Favourites" : "Recent", known.get(one));
    for (const model of found.filter((one) => !lead.includes(one.path)).slice(0, SHOWN)) add(model.provider, model);
    const typed = search.value.trim();
    if (/^[^\s/]+\/\S+$/.test(typed) && !known.has(typed)) add("By its path", { path: typed, label: typed });
    return [result, found.length];
  }

  function fill() {
    const [found, count] = groups();
    const { favourites } = shelf();
    let number = 0;
    box.replaceChildren(
      ...[...found].map(([label, members]) => {
        const group = document.createElement("div");
        group.setAttribute("role", "group");
        group.setAttribute("aria-label", label);
        const head = document.createElement("div");
        head.className = "model-group";
        head.setAttribute("aria-hidden", "true");
        head.textContent = label;
        group.append(head, ...members.map((model) => line(model, number++, favourites.includes(model.path))));
        return group;
      }),
    );
    const hidden = count - SHOWN;
    note.textContent = problem || (number ? (hidden > 0 ? `${hidden.toLocaleString()} more: type to find them.` : "") : "No model is called so.");
    const current = options().findIndex((one) => one.dataset.path === chosen);
    point(search.value.trim() || current < 0 ? (number ? 0 : -1) : current);
  }

  function line(model, number, isFavourite) {
    const item = template.cloneNode(true);
    item.id = `model-option-${number}`;
    item.dataset.path = model.path;
    item.title = model.standsFor || model.path;
    item.classList.toggle("is-favourite", isFavourite);
    item.classList.toggle("is-chosen", !taker && model.path === chosen);
    item.querySelector(".model-label").textContent = model.label;
    item.querySelector(".model-facts").textContent = model.standsFor || model.price || "";
    for (const mark of item.querySelectorAll("[data-can]")) if (model[mark.dataset.can] !== "yes") mark.remove();
    return item;
  }

  function point(at) {
    const all = options();
    active = at;
    all.forEach((one, place) => one.setAttribute("aria-selected", String(place === at)));
    if (all[at]) {
      search.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    } else {
      search.removeAttribute("aria-activedescendant");
    }
  }

  function take(value) {
    const to = taker || choose;
    menu.hidePopover();
    to(value);
  }

  // Opens the list at an element; `to` gets the path that is chosen, the composer unless it is given.
  function open(at = button, to = null) {
    opener = at;
    taker = to;
    search.value = "";
    menu.showPopover();
    fill();
    place();
    search.focus();
    load().then(() => menu.matches(":popover-open") && fill());
  }

  function place() {
    const { left, top, bottom } = opener.getBoundingClientRect();
    const isAbove = top > window.innerHeight - bottom;
    menu.style.left = `${Math.max(8, Math.min(left, window.innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = isAbove ? "auto" : `${bottom + 6}px`;
    menu.style.bottom = isAbove ? `${window.innerHeight - top + 6}px` : "auto";
    menu.style.maxHeight = `${Math.max(240, (isAbove ? top : window.innerHeight - bottom) - 16)}px`;
  }

  button.addEventListener("click", () => (menu.matches(":popover-open") ? menu.hidePopover() : open()));
  button.addEventListener("pointerenter", load, { once: true });
  window.addEventListener("resize", () => menu.matches(":popover-open") && place());
  menu.addEventListener("toggle", (event) => {
    const isOpen = event.newState === "open";
    button.setAttribute("aria-expanded", String(isOpen && opener === button));
    if (!isOpen && (menu.contains(document.activeElement) || document.activeElement === document.body)) opener.focus();
  });
  search.addEventListener("input", fill);
  search.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const all = options();
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps && all.length) {
      const to = active + steps[event.key];
      const isPage = Math.abs(steps[event.key]) > 1;
      point(isPage ? Math.max(0, Math.min(all.length - 1, to)) : (to + all.length) % all.length);
    } else if (event.key === "Enter") {
      if (all[active]) take(all[active].dataset.path);
    } else if (event.key.toLowerCase() === "d" && (event.ctrlKey || event.metaKey) && all[active]) {
      star(all[active].dataset.path);
    } else {
      return;
    }
    event.preventDefault();
  });
  box.addEventListener("click", (event) => {
    const item = event.target.closest("[role=option]");
    if (!item) return;
    if (event.target.closest(".model-star")) star(item.dataset.path);
    else take(item.dataset.path);
  });

  byId("model-other").addEventListener("click", () => {
    menu.hidePopover();
    path.value = "";
    dialog.showModal();
  });
  dialog.querySelector("form").addEventListener("submit", () => (taker || choose)(path.value.trim()));
  dialog.addEventListener("close", () => opener.focus());
  select.addEventListener("change", () => select.value !== chosen && choose(select.value));

  // The first screen has stored a provider: its models are here now.
  document.addEventListener("ollive:models", (event) => {
    loading = null;
    load().then(() => choose(event.detail.path));
  });

  // A new chat starts with the model that was chosen last, as long as it is still offered.
  const last = memory.get(lastKey);
  const first = chosen;
  if (chat.dataset.isNew !== undefined && last && last !== chosen) {
    if (find(last)) put(last);
    else load().then(() => find(last) && chosen === first && put(last));
  }
  select.hidden = true;
  document.querySelector("label[for=model]").hidden = true;
  button.hidden = false;
  show();
  window.ollive.models = { choose, open, load, current: () => chosen, list: () => models };
})();
