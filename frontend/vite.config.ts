/// <reference types="vitest/config" />
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type Plugin } from 'vite';

const BASE = '/cozygen/';
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Paths of the server; everything else under the base is the app. */
const SERVER_PATHS =
  '^/(cozygen/(api|workflows|input|upload_image|get_choices|thumb|hello)|view|ws|prompt|upload|queue|history|interrupt|object_info|system_stats|api)(/|\\?|$)';

/**
 * The script that sets the theme before the first paint. It must run ahead of the modules, and the content security
 * policy forbids inline scripts, so it is a small hashed file of its own.
 */
function bootScript(source: string): Plugin {
  const place = '<!--boot-->';
  const tag = (address: string) => `<script src="${BASE}${address}"></script>`;
  let reference = '';
  let building = false;
  return {
    name: 'cozygen-boot',
    configResolved(config) {
      building = config.command === 'build';
    },
    buildStart() {
      if (!building) return;
      const text = readFileSync(file(source), 'utf-8').replace(/^\s*\/\/.*\n/gm, '');
      reference = this.emitFile({ type: 'asset', name: 'boot.js', source: text });
    },
    generateBundle: {
      order: 'post', // the page is in the bundle only then
      handler(_, bundle) {
        const page = bundle['index.html'];
        if (page?.type === 'asset') page.source = String(page.source).replace(place, tag(this.getFileName(reference)));
      },
    },
    transformIndexHtml: (html) => (building ? html : html.replace(place, tag(source))),
  };
}

/**
 * Tells the service worker what to keep: the page, all that the build made and all of public/, with a version that
 * changes with any of it. The worker has a fixed name, since the browser looks there for a newer one.
 */
function offlineWorker(name: string): Plugin {
  const place = '__COZYGEN_BUILD__';
  return {
    name: 'cozygen-offline',
    apply: 'build',
    generateBundle: {
      order: 'post', // and after the boot script, which changes the page
      async handler(_, bundle) {
        const worker = bundle[name];
        if (worker?.type !== 'chunk') throw new Error(`the build has no ${name}`);
        if (worker.imports.length > 0)
          throw new Error(`${name} must stand alone, but imports ${worker.imports.join()}`);
        const version = createHash('sha256');
        const files = [BASE];
        for (const [path, made] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
          if (path === name) continue;
          version.update(path).update(made.type === 'chunk' ? made.code : made.source);
          if (path !== 'index.html') files.push(BASE + path);
        }
        for (const path of (await readdir(file('public'))).sort()) {
          version.update(path).update(await readFile(file(`public/${path}`)));
          files.push(BASE + path);
        }
        const told = { version: version.digest('hex').slice(0, 16), files };
        worker.code = worker.code.replace(place, () => JSON.stringify(told));
      },
    },
  };
}

/** Lays a .br and a .gz beside every text of the build; the server sends them to browsers that take them. */
function compress(): Plugin {
  return {
    name: 'cozygen-compress',
    apply: 'build',
    async writeBundle({ dir }) {
      if (!dir) return;
      for (const name of await readdir(dir, { recursive: true })) {
        if (!/\.(js|css|html|svg|webmanifest)$/.test(name)) continue;
        const text = await readFile(join(dir, name));
        await writeFile(join(dir, `${name}.br`), brotliCompressSync(text));
        await writeFile(join(dir, `${name}.gz`), gzipSync(text, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: BASE,
  plugins: [tailwindcss(), svelte(), bootScript('src/boot.js'), offlineWorker('sw.js'), compress()],
  resolve: {
    alias: { $lib: file('src/lib') },
    ...(process.env.VITEST ? { conditions: ['browser'] } : {}),
  },
  build: {
    outDir: '../cozygen/web/static',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      input: { main: file('index.html'), sw: file('src/sw/worker.ts') },
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        // Few files instead of many small ones: what every page needs, and what changes only with an upgrade.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules[\\/](svelte|@tanstack|esm-env|clsx)[\\/]/ },
            { name: 'studio', test: /src[\\/]lib[\\/](?!shell|palette|viewer|composer|prompts|i18n[\\/]de)/ },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    proxy: {
      [SERVER_PATHS]: {
        target: process.env.COZYGEN_SERVER ?? 'http://127.0.0.1:8787',
        ws: true,
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
  },
});
