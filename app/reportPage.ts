/** Makes one file of the built app, for reports: everything inside, nothing fetched, and a place for the runs. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

/** The place for the runs. `mathformer report` puts them there. */
const PLACE = { tag: 'script', attrs: { type: 'application/json', id: 'report' }, children: 'null' } as const;

const ICON = readFileSync(fileURLToPath(new URL('public/icon.svg', import.meta.url)), 'base64');

/** Put the place for the runs into the page, and its icon; leave out links to other files. */
export function reportPlace(): Plugin {
  return {
    name: 'report-place',
    transformIndexHtml: {
      order: 'pre',
      handler: (html) => ({
        html: html.replace(/^\s*<link rel="(icon|apple-touch-icon)".*\n/gm, ''),
        tags: [
          { ...PLACE, injectTo: 'body-prepend' },
          {
            tag: 'link',
            attrs: { rel: 'icon', href: `data:image/svg+xml;base64,${ICON}` },
            injectTo: 'head',
          },
        ],
      }),
    },
  };
}

/** Matches the start of a worker in a built program, with the name of its file. */
const WORKER = /new Worker\(new URL\([^;{]*?[`"']([\w-]+\.js)[`"'][^;{]*?,\{type:[`"']module[`"']/g;

/**
 * Put the programs of workers into the program that starts them: a page from the disk may load no other file. They are classic
 * workers, as Chromium starts no module from a blob there.
 */
export function workersInside(): Plugin {
  return {
    name: 'workers-inside',
    enforce: 'post',
    generateBundle(_, bundle) {
      const inside = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        chunk.code = chunk.code.replace(WORKER, (start, name) => {
          const worker = Object.values(bundle).find(({ fileName }) => fileName.split('/').at(-1) === name);
          if (worker?.type !== 'asset') return start;
          inside.add(worker.fileName);
          const source =
            typeof worker.source === 'string' ? worker.source : new TextDecoder().decode(worker.source);
          return `new Worker(URL.createObjectURL(new Blob([${JSON.stringify(source)}],{type:"text/javascript"})),{type:"classic"`;
        });
      }
      for (const name of inside) delete bundle[name];
    },
  };
}

/** Let the page run its own programs and styles, by their hashes, and fetch nothing. */
export function reportPolicy(): Plugin {
  let page = '';
  return {
    name: 'report-policy',
    enforce: 'post',
    writeBundle({ dir = '' }) {
      page = join(dir, 'index.html');
      const html = readFileSync(page, 'utf8');
      const policy = [
        "default-src 'none'",
        `script-src 'wasm-unsafe-eval' ${hashes(html, /<script type="module"[^>]*>(.*?)<\/script>/gs)}`,
        `style-src ${hashes(html, /<style[^>]*>(.*?)<\/style>/gs)}`,
        'worker-src blob:',
        'img-src data: blob:',
        'connect-src data: blob:',
        "base-uri 'none'",
        "form-action 'none'",
      ];
      const meta = `<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">`;
      writeFileSync(
        page,
        html.replace(/<head>/, (head) => `${head}\n    ${meta}`),
      );
    },
  };
}

function hashes(html: string, pattern: RegExp): string {
  const found = [...html.matchAll(pattern)].map(([, content = '']) =>
    createHash('sha256').update(content).digest('base64'),
  );
  return found.map((hash) => `'sha256-${hash}'`).join(' ') || "'none'";
}
