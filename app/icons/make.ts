/** Draws the app's icons as PNG from icon.svg: `npm run app:icons`. */
import { readFile, writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const PUBLIC = new URL('../public/', import.meta.url);
const PAPER = '#f7f5f0';

/** A maskable icon is cut to any shape that holds a circle of 80 % of its width: its mark is smaller, its ground has no edge. */
const ICONS = [
  { name: 'icon-192.png', size: 192, maskable: false },
  { name: 'icon-512.png', size: 512, maskable: false },
  { name: 'icon-maskable-512.png', size: 512, maskable: true },
  { name: 'apple-touch-icon.png', size: 180, maskable: true },
] as const;

const svg = await readFile(new URL('icon.svg', PUBLIC), 'utf8');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ colorScheme: 'light' });
  for (const { name, size, maskable } of ICONS) {
    await page.setViewportSize({ width: size, height: size });
    const drawing = maskable
      ? svg.replace(/<rect[^>]*\/>/, '').replace('<svg', '<svg style="scale: 0.9"')
      : svg;
    const ground = maskable ? PAPER : 'transparent';
    await page.setContent(`<body style="margin: 0; background: ${ground}">${drawing}</body>`);
    await writeFile(new URL(name, PUBLIC), await page.screenshot({ omitBackground: !maskable }));
  }
} finally {
  await browser.close();
}
