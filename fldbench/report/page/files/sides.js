// Screens of printed tables: the panels that belong to the chosen table of the board are shown.
for (const section of $$("[data-side]")) {
  for (const node of $$("table", section)) sortable(node);
  screens[section.id] = () => {
    let found = 0;
    for (const panel of $$(".panel", section)) {
      const here = panel.dataset.for.split(" ").includes(table().slug);
      panel.classList.toggle("open", here);
      found += here;
    }
    $("[data-none]", section).hidden = found > 0;
  };
}
