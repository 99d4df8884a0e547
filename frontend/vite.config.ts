/// <reference types="vitest/config" />
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
  plugins: [tailwindcss(), svelte(), bootScript('src/boot.js'), compress()],
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
      output: {
        // Few files instead of many small ones: what every page needs, and what changes only with an upgrade.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules[\\/](svelte|@tanstack|esm-env|clsx)[\\/]/ },
            { name: 'studio', test: /src[\\/]lib[\\/](?!shell|i18n[\\/]de)/ },
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
