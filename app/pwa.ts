/** The app as one that can be installed, and that works offline. */
import type { Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

/** Colours of the light theme: `--paper` and `--ink`. */
const PAPER = '#f7f5f0';

/** Build the manifest and the service worker, which keeps every file of the app. */
export function pwa(): Plugin[] {
  return VitePWA({
    strategies: 'injectManifest',
    srcDir: 'src/pwa',
    filename: 'serviceWorker.ts',
    // The page registers it, where it is not a dashboard.
    injectRegister: false,
    registerType: 'prompt',
    injectManifest: { globPatterns: ['**/*.{html,js,css,svg,png,json,wasm,safetensors}'] },
    manifest: {
      id: './',
      name: 'mathformer',
      short_name: 'mathformer',
      description: 'GRPO reinforcement learning in a browser tab, and the dashboard of any run.',
      lang: 'en',
      start_url: './',
      scope: './',
      display: 'standalone',
      background_color: PAPER,
      theme_color: PAPER,
      categories: ['education', 'developer'],
      icons: [
        { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
        { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
        { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
        { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
      ],
    },
  });
}
