/** Opens pages in headless browsers, from a server of this process. */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

/** A browser, and the names of its program. */
const PROGRAMS = {
  chrome: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  firefox: ['firefox-esr', 'firefox'],
} as const;

export type BrowserName = keyof typeof PROGRAMS;

/** Return the path of an installed browser; undefined without one. */
export function installed(name: BrowserName): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return PROGRAMS[name]
    .flatMap((program) => directories.map((directory) => join(directory, program)))
    .find((path) => existsSync(path));
}

export async function launch(name: BrowserName, executablePath: string): Promise<Browser> {
  // Chromium refuses to run as root, as containers do, with its sandbox.
  const args = name === 'chrome' ? ['--no-sandbox'] : [];
  return puppeteer.launch({ browser: name, executablePath, headless: true, args });
}

/** Headers that let a page share memory between threads. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** A server of an empty page at `/isolated` and at `/plain`, and of one module. */
export interface PageServer {
  readonly origin: string;
  readonly server: Server;
}

export async function serve(script: string): Promise<PageServer> {
  const server = createServer(({ url = '' }, response) => {
    const isScript = url.endsWith('.js');
    const type = isScript ? 'text/javascript' : 'text/html';
    const isolation = url.startsWith('/isolated') ? ISOLATION : {};
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, ...isolation });
    response.end(isScript ? script : '<!doctype html><title>mathformer</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { origin: `http://127.0.0.1:${port}`, server };
}

/** Open a page, and return what the module's function `run` resolves with. */
export async function runPage<T>(browser: Browser, { origin }: PageServer, path: string): Promise<T> {
  const page: Page = await browser.newPage();
  await page.goto(`${origin}/${path}/`);
  // As text: the test's compiler would change a function.
  const result = await page.evaluate(`import('/${path}/module.js').then(({ run }) => run())`);
  await page.close();
  return result as T;
}
