// Checks the dashboards against Grafana's schema: types by the TypeScript compiler, names by its registries.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const generated = '../generated';
const made = 'check/made';
rmSync(made, { recursive: true, force: true });
mkdirSync(made, { recursive: true });

const dashboards = readdirSync(generated).filter((file) => file.endsWith('.json'));
for (const file of dashboards) {
  const json = readFileSync(`${generated}/${file}`, 'utf8');
  const name = file.replace('.json', '');
  writeFileSync(`${made}/${name}.ts`, `import type { Checked } from '../types';\nexport default ${json.trim()} satisfies Checked;\n`);
}

let failed = false;
try {
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], { stdio: 'inherit' });
} catch {
  failed = true;
}

await build({ entryPoints: ['check/ids.ts'], bundle: true, platform: 'node', format: 'cjs', outfile: `${made}/ids.cjs`, logLevel: 'error', define: { 'process.env.NODE_ENV': '"production"' } });
globalThis.navigator ??= { userAgent: '', platform: '', language: 'en', languages: ['en'] };
const { createRequire } = await import('node:module');
const { faults } = createRequire(import.meta.url)(`../${made}/ids.cjs`);
for (const file of dashboards) {
  for (const fault of faults(JSON.parse(readFileSync(`${generated}/${file}`, 'utf8')))) {
    console.error(`${file}: ${fault}`);
    failed = true;
  }
}
rmSync(made, { recursive: true, force: true });
console.log(failed ? 'the dashboards do not fit the schema' : `${dashboards.length} dashboards fit the schema`);
process.exit(failed ? 1 : 0);
