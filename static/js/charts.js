// Draws each figure[data-chart] from its own table, in the page's colors; a click on a point follows the link in its cell.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("js");
  const drawn = new Map(); // canvas → Chart
  const asTable = new Set(); // ids of figures whose table is shown; kept when the page refreshes itself
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const units = {
    usd: (value) => money(value),
    ms: (value) => (Math.abs(value) < 1000 ? `${round(value)} ms` : `${round(value / 1000)} s`),
    share: (value) => `${round(value * 100)}%`,
  };

  function round(value) {
    return new Intl.NumberFormat("en", { maximumSignificantDigits: 4 }).format(value);
  }

  function money(value) {
    const small = value !== 0 && Math.abs(value) < 0.1;
    const digits = small ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
    return `$${new Intl.NumberFormat("en", value === 0 ? {} : digits).format(value)}`;
  }

  function short(value, countedIn) {
    if (units[countedIn]) return units[countedIn](value);
    return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  }

  // A token may be a pair of colors: what it comes to is known to an element that wears it.
  function colors() {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    const color = (token) => {
      probe.style.color = `var(${token})`;
      return getComputedStyle(probe).color;
    };
    const found = {
      lines: Array.from({ length: 10 }, (_, number) => color(`--chart-${number + 1}`)),
      grid: color("--line"),
      text: color("--muted"),
      paper: color("--paper"),
      raised: color("--raised"),
      ink: color("--ink"),
    };
    probe.remove();
    return found;
  }

  function faded(color, share) {
    return color.replace(/^rgba?\(([^)]+?)\)$/, (_, parts) => `rgba(${parts.split(",").slice(0, 3).join(",")}, ${share})`);
  }

  function tableOf(figure) {
    const table = figure.querySelector("table");
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      lines: heads.map((head, column) => ({
        label: head.textContent.trim(),
        isBefore: head.dataset.before !== undefined,
        cells: rows.map((row) => row.cells[column + 1]),
      })),
    };
  }

  function valueOf(cell) {
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  // What stands alone between two gaps would not be seen as a line.
  function radii(values) {
    return values.map((value, place) => {
      const isAlone = value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null;
      return isAlone ? 3 : 0;
    });
  }

  function datasets(table, kind, isStacked, palette) {
    let place = 0;
    return table.lines.map((line) => {
      const values = line.cells.map(valueOf);
      // A line of the period before has the color of its own line, which stands just before it.
      const color = palette.lines[(line.isBefore ? Math.max(0, place - 1) : place++) % palette.lines.length];
      const dataset = { label: line.label, data: values, cells: line.cells, borderColor: color, backgroundColor: color };
      if (kind === "pie") {
        const slices = values.map((_, slice) => palette.lines[slice % palette.lines.length]);
        return { ...dataset, backgroundColor: slices, borderColor: palette.paper, borderWidth: 2 };
      }
      if (kind === "bar" && !line.isBefore) return { ...dataset, order: 1, borderWidth: 0, borderRadius: 2, stack: stackOf(line, isStacked) };
      const radius = radii(values);
      return {
        ...dataset,
        type: "line", // the period before lies over bars, too
        order: line.isBefore ? 0 : 1,
        borderColor: line.isBefore ? (kind === "bar" ? palette.ink : faded(color, 0.6)) : color,
        borderDash: line.isBefore ? [4, 4] : [],
        borderWidth: line.isBefore ? 1.5 : 2,
        backgroundColor: isStacked || line.isBefore ? faded(color, 0.25) : color,
        fill: isStacked && !line.isBefore ? "stack" : false,
        stack: stackOf(line, isStacked),
        pointRadius: radius,
        pointHoverRadius: 4,
        pointHitRadius: 8,
        clip: 6, // what lies at the very top is whole
      };
    });
  }

  function stackOf(line, isStacked) {
    if (!isStacked) return undefined;
    return line.isBefore ? "before" : "now";
  }

  // Of the time of day, only what differs is told under the chart: the tooltip has all of it.
  function shortLabels(labels) {
    const timed = labels.every((label) => /^\d{4}-\d\d-\d\d( \d\d:\d\d)?$/.test(label));
    if (!timed) return (value) => (labels[value].length > 18 ? `${labels[value].slice(0, 17)}…` : labels[value]);
    const isOneDay = labels.length > 0 && labels[0].slice(0, 10) === labels.at(-1).slice(0, 10);
    if (labels[0]?.length === 10) return (value) => labels[value].slice(5);
    return (value) => (isOneDay || labels.length <= 25 ? labels[value].slice(11) : labels[value].slice(5));
  }

  function options(figure, table, palette) {
    const { chart: kind, countedIn } = figure.dataset;
    const isStacked = figure.dataset.stacked !== undefined;
    const told = (item) => {
      const name = kind === "pie" ? item.label : item.dataset.label;
      return ` ${name}: ${item.dataset.cells[item.dataIndex].textContent.trim()}`;
    };
    const common = {
      responsive: true,
      maintainAspectRatio: false,
      animation: calm.matches ? false : { duration: 150 },
      onClick: (event, _, chart) => follow(event, chart),
      onHover: (event, _, chart) => {
        event.native.target.style.cursor = linkAt(event, chart) ? "pointer" : "default";
      },
      plugins: {
        legend: {
          display: kind === "pie" || table.lines.length > 1,
          position: "bottom",
          align: "start",
          labels: { color: palette.text, boxWidth: 10, boxHeight: 10, padding: 10 },
        },
        tooltip: {
          backgroundColor: palette.raised,
          titleColor: palette.ink,
          bodyColor: palette.ink,
          borderColor: palette.grid,
          borderWidth: 1,
          callbacks: { label: told },
        },
      },
    };
    if (kind === "pie") return common;
    return {
      ...common,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          stacked: isStacked,
          grid: { display: false },
          border: { color: palette.grid },
          ticks: { color: palette.text, maxRotation: 0, autoSkipPadding: 16, callback: shortLabels(table.labels) },
        },
        y: {
          stacked: isStacked,
          beginAtZero: true,
          grid: { color: palette.grid },
          border: { display: false },
          ticks: { color: palette.text, maxTicksLimit: 6, callback: (value) => short(value, countedIn) },
        },
      },
    };
  }

  function linkAt(event, chart) {
    const found = chart.getElementsAtEventForMode(event, "nearest", { intersect: false, axis: "xy" }, true)[0];
    return found && chart.data.datasets[found.datasetIndex].cells[found.index].querySelector("a");
  }

  function follow(event, chart) {
    const link = linkAt(event, chart);
    if (!link) return;
    if (event.native.ctrlKey || event.native.metaKey) window.open(link.href, "_blank", "noopener");
    else window.location.assign(link.href);
  }

  function draw(figure, palette) {
    const canvas = figure.querySelector("canvas");
    if (!canvas || !window.Chart) return;
    drawn.get(canvas)?.destroy();
    const table = tableOf(figure);
    const kind = figure.dataset.chart;
    const chart = new window.Chart(canvas, {
      type: kind === "pie" ? "doughnut" : kind,
      data: {
        labels: table.labels,
        datasets: datasets(table, kind, figure.dataset.stacked !== undefined, palette),
      },
      options: options(figure, table, palette),
    });
    drawn.set(canvas, chart);
  }

  function drawAll(within = document) {
    for (const [canvas, chart] of drawn) {
      if (canvas.isConnected) continue;
      chart.destroy();
      drawn.delete(canvas);
    }
    const palette = colors();
    for (const figure of within.querySelectorAll("figure[data-chart][data-drawn]")) {
      show(figure, asTable.has(figure.id));
      draw(figure, palette);
    }
  }

  function show(figure, isTable) {
    // No class: while htmx settles what it swapped in, it puts classes back as they came.
    figure.toggleAttribute("data-table-shown", isTable);
    figure.querySelector("[data-as-table]")?.setAttribute("aria-pressed", String(isTable));
  }

  document.addEventListener("click", (event) => {
    const figure = event.target.closest("[data-as-table]")?.closest("figure");
    if (!figure) return;
    const isTable = !asTable.has(figure.id);
    if (isTable) asTable.add(figure.id);
    else asTable.delete(figure.id);
    show(figure, isTable);
    if (isTable) figure.querySelector(".chart-table").focus();
    else drawn.get(figure.querySelector("canvas"))?.resize();
  });

  new MutationObserver(() => drawAll()).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  document.addEventListener("htmx:afterSwap", () => drawAll());
  drawAll();
})();
