"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const tip = document.getElementById("tip");

  // What a mark is: rows of a name and a value, and a thumbnail where there is one. Text is never read as HTML.
  function fill(element, item, value) {
    element.replaceChildren();
    const picture = item && item.datum && item.datum.picture;
    if (typeof picture === "string" && picture.startsWith("data:image/")) {
      const image = document.createElement("img");
      image.src = picture;
      image.alt = String(item.datum.name || "");
      element.append(image);
    }
    const words = document.createElement("div");
    const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
    for (const [name, text] of rows) {
      const line = document.createElement("div");
      line.textContent = name ? name + ": " + text : String(text);
      words.append(line);
    }
    element.append(words);
  }

  function tooltip(handler, event, item, value) {
    if (value === null || value === undefined || value === "") {
      tip.hidden = true;
      return;
    }
    fill(tip, item, value);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const right = Math.min(event.clientX + 14, window.innerWidth - box.width - 8);
    const below = event.clientY + 14 + box.height > window.innerHeight ? event.clientY - box.height - 10 : event.clientY + 14;
    tip.style.left = Math.max(4, right) + "px";
    tip.style.top = Math.max(4, below) + "px";
  }

  // A tap, or a click, keeps it below the chart: there is no pointer to rest on a phone.
  function keep(view, at) {
    const picked = document.getElementById("picked-" + at);
    view.addEventListener("click", function (event, item) {
      const value = item && item.tooltip;
      picked.hidden = !value;
      if (value) fill(picked, item, value);
    });
  }

  async function draw(element) {
    const at = element.dataset.chart;
    const options = { renderer: "svg", actions: false, tooltip: tooltip, bind: "#controls-" + at };
    const result = await window.vegaEmbed(element, specs[Number(at)], options);
    // The words around it describe it: what it is made of is not read aloud.
    element.querySelector("svg").setAttribute("aria-hidden", "true");
    keep(result.view, at);
  }

  async function drawAll() {
    for (const element of document.querySelectorAll("[data-chart]")) {
      try {
        await draw(element);
      } catch (error) {
        element.removeAttribute("role");
        element.textContent = "This chart cannot be drawn here: " + error.message;
        console.error(error);
      }
    }
    document.documentElement.dataset.drawn = "yes";
  }

  function compare(one, other) {
    if (one === "" || other === "") return one === other ? 0 : one === "" ? 1 : -1;
    const difference = Number(one) - Number(other);
    return Number.isNaN(difference) ? one.localeCompare(other, undefined, { numeric: true }) : difference;
  }

  function sortable(table) {
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach(function (heading, column) {
      heading.querySelector("button").addEventListener("click", function () {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = Array.from(table.tBodies[0].rows);
        const key = (row) => row.cells[column].dataset.order;
        rows.sort(function (a, b) {
          const empty = (key(a) === "") - (key(b) === "");
          return empty || (down ? -1 : 1) * compare(key(a), key(b));
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  function theme() {
    const root = document.documentElement;
    const button = document.getElementById("theme");
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const show = () => { button.textContent = dark() ? "Use the light theme" : "Use the dark theme"; };
    button.addEventListener("click", function () {
      root.dataset.theme = dark() ? "light" : "dark";
      show();
    });
    system.addEventListener("change", show);
    show();
  }

  theme();
  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((own) => { own.open = true; }));
  if (window.vegaEmbed) drawAll();
  else document.documentElement.dataset.drawn = "yes";
})();
