// Bundles the preview page into site/, with the icons and fonts that Grafana's components ask for.
import { cpSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const site = 'site';
const fonts = `${site}/gf/fonts/inter`;
mkdirSync(fonts, { recursive: true });
cpSync('node_modules/@grafana/ui/dist/public/img/icons', `${site}/gf/build/img/icons`, { recursive: true });
for (const [weight, name] of [[400, 'Regular'], [500, 'Medium']]) {
  const file = `node_modules/@fontsource/inter/files/inter-latin-${weight}-normal.woff2`;
  copyFileSync(file, `${fonts}/Inter-${name}.woff2`);
}
writeFileSync(
  `${site}/index.html`,
  `<!doctype html><html><head><meta charset="utf-8">
<link rel="stylesheet" href="assets/main.css">
<script>window.__grafana_public_path__ = '/gf/';</script></head>
<body><div id="root"></div><script type="module" src="assets/main.js"></script></body></html>
`
);
await build({
  entryPoints: ['src/main.tsx'],
  bundle: true,
  format: 'esm',
  splitting: true,
  outdir: `${site}/assets`,
  jsx: 'automatic',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.ttf': 'file', '.svg': 'file', '.woff': 'file', '.woff2': 'file' },
  logLevel: 'error',
});
