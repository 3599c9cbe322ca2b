/**
 * `npm run app:pictures` remakes docs/pictures from trainings on the WebAssembly adapter, which have the same bits everywhere. Run
 * `npm run app:build` before.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { run } from '../cli/cliProcess.ts';
import { launchChromium } from './browsers.ts';
import { startDashboard } from './dashboard.ts';

const PICTURES = 'docs/pictures';
/** The model of the Lab's first preset, and its settings. */
const CHECKPOINT = 'app/public/checkpoints/sums.safetensors';
const SETTINGS = [
  ...['--steps', '60', '--batch_size', '16', '--group_size', '16', '--kl_coef', '0', '--temperature', '1.2'],
  ...['--dynamic_sampling', '--max_gen_len', '32', '--seed', '1', '--adapter', 'wasm', '--quiet'],
  ...['--eval_interval', '10', '--save_interval', '20', '--trace_interval', '10'],
];
/** Learning rates of the runs that are compared, by their names. */
const RUNS = { 'lr-3e-3': '3e-3', 'lr-3e-4': '3e-4' };
const SHOWN = 'run/server/lr-3e-3';

/** The width of a page in the README, in CSS pixels. */
const WIDTH = 1120;

interface Picture {
  readonly name: string;
  /** Height in CSS pixels. */
  readonly height: number;
  /** The part of the address behind `#/`. */
  readonly route: string;
  /** Bring the page into the state that the picture shows. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const PAGES: readonly Picture[] = [
  { name: 'lab', height: 1086, route: 'lab?preset=sums&adapter=wasm', prepare: train },
  { name: 'overview', height: 860, route: `${SHOWN}/overview?compare=server/lr-3e-4` },
  { name: 'completions', height: 860, route: `${SHOWN}/completions?step=20`, prepare: scrollToTabs },
  { name: 'heads', height: 990, route: `${SHOWN}/heads`, prepare: untilHeads },
];

/** Train in the Lab until the evaluation after step 40 is in the curves. */
async function train(page: Page): Promise<void> {
  await page.getByTestId('start').click();
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid="step"]')?.textContent) >= 42,
    null,
    { timeout: 300_000 },
  );
}

/** Leave out the run's name and state, which other pictures show. */
async function scrollToTabs(page: Page): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages of the run' }).evaluate((tabs) => tabs.scrollIntoView());
}

async function untilHeads(page: Page): Promise<void> {
  await page.getByTestId('heads').locator('canvas').last().waitFor({ timeout: 120_000 });
  await page.waitForTimeout(500);
  await scrollToTabs(page);
}

async function trainRuns(directory: string): Promise<void> {
  for (const [name, lr] of Object.entries(RUNS)) {
    const out = join(directory, name);
    const { code, stderr } = await run(
      'main',
      'grpo',
      '--checkpoint',
      CHECKPOINT,
      '--lr',
      lr,
      ...SETTINGS,
      '--out',
      out,
    );
    if (code !== 0) throw new Error(stderr);
  }
}

/** Take the picture of a page, at twice the resolution, for a screen in either theme. */
async function take(
  browser: Browser,
  address: string,
  picture: Picture,
  scheme: 'light' | 'dark',
): Promise<void> {
  const { name, height, route, prepare } = picture;
  const viewport = { width: WIDTH, height };
  const page = await browser.newPage({
    viewport,
    colorScheme: scheme,
    deviceScaleFactor: 2,
    reducedMotion: 'reduce',
  });
  await page.goto(`${address}#/${route}`);
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('networkidle');
  await prepare?.(page);
  const width = Number(await page.evaluate('document.documentElement.clientWidth'));
  const screenshot = await page.screenshot({ clip: { x: 0, y: 0, width, height } });
  const path = join(PICTURES, `${name}-${scheme}.png`);
  // 256 colours are enough for pages, and a third as large.
  await sharp(screenshot).png({ palette: true, dither: 0, effort: 10 }).toFile(path);
  await page.context().close();
}

const directory = await mkdtemp(join(tmpdir(), 'mathformer-pictures-'));
await mkdir(PICTURES, { recursive: true });
await trainRuns(directory);
const dashboard = await startDashboard(directory);
const browser = await launchChromium();
try {
  for (const picture of PAGES) {
    for (const scheme of ['light', 'dark'] as const) await take(browser, dashboard.address, picture, scheme);
  }
} finally {
  await browser.close();
  await dashboard.stop();
  await rm(directory, { recursive: true });
}
