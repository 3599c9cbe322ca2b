/** Starts the browsers that are installed, headless, with WebGPU on their software drivers. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser as Chromium, chromium } from 'playwright-core';
import puppeteer, { type Browser as Firefox } from 'puppeteer-core';
import { afterAll, beforeAll, describe } from 'vitest';

/** The names of each browser's program. */
const PROGRAMS = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  firefox: ['firefox-esr', 'firefox'],
} as const;

export type BrowserName = keyof typeof PROGRAMS;

export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox'];

/** The part that Playwright's pages and Puppeteer's have in common. */
export interface Tab {
  goto(address: string): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  click(selector: string): Promise<void>;
  close(): Promise<void>;
}

/** The part that browsers of both have in common. */
export interface Browser {
  newPage(): Promise<Tab>;
  close(): Promise<void>;
}

/** Return the path of an installed browser; undefined without one. */
export function installed(name: BrowserName): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return PROGRAMS[name]
    .flatMap((program) => directories.map((directory) => join(directory, program)))
    .find((path) => existsSync(path));
}

function programOf(name: BrowserName): string {
  const path = installed(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

/** Start Chromium. Without `webgpu` its pages have none. */
export const launchChromium = ({ webgpu = true } = {}): Promise<Chromium> =>
  chromium.launch({
    executablePath: programOf('chromium'),
    // Chromium refuses to run as root, as containers do, with its sandbox.
    args: [
      '--no-sandbox',
      // A loaded machine is no reason to end the process of the GPU.
      '--disable-gpu-watchdog',
      ...(webgpu ? ['--enable-unsafe-webgpu'] : ['--disable-features=WebGPU', '--disable-gpu']),
    ],
  });

/** Start Firefox. Without `webgpu` its pages have none. */
export const launchFirefox = ({ webgpu = true } = {}): Promise<Firefox> =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: programOf('firefox'),
    headless: true,
    protocolTimeout: 600_000,
    extraPrefsFirefox: { 'dom.webgpu.enabled': webgpu, 'gfx.webgpu.ignore-blocklist': webgpu },
  });

export const launch = (name: BrowserName): Promise<Browser> =>
  name === 'chromium' ? launchChromium() : launchFirefox();

/** Declare the tests of a browser. They are skipped without it, and their name says so. */
export function describeIn(name: BrowserName, tests: () => void): void {
  const found = installed(name) !== undefined;
  describe.skipIf(!found)(found ? name : `${name}, which is not installed`, tests);
}

/** Declare the tests of every browser, which runs as long as they do. @param tests get the browser when they run. */
export function describeInEach(tests: (browser: () => Browser, name: BrowserName) => void): void {
  for (const name of BROWSERS) {
    describeIn(name, () => {
      let browser: Browser;
      beforeAll(async () => {
        browser = await launch(name);
      });
      afterAll(() => browser?.close());
      tests(() => browser, name);
    });
  }
}
