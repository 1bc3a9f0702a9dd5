// Fills in what the browser has measured.
"use strict";
addEventListener("load", () => setTimeout(() => {
	const page = performance.getEntriesByType("navigation")[0];
	const all = [page, ...performance.getEntriesByType("resource")];
	const show = (id, text) => { document.getElementById(id).textContent = text; };
	const bytes = all.reduce((sum, e) => sum + (e.transferSize || 0), 0);
	show("load", (page.loadEventStart - page.requestStart).toFixed(1) + " ms");
	show("files", String(all.length));
	show("bytes", bytes.toLocaleString("en"));
	const broken = [...document.images].filter((i) => !i.complete || !i.naturalWidth).length;
	document.documentElement.dataset.loaded = broken ? `${broken} broken` : "all";
}, 0));
