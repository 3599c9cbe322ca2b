/** Rollouts on many machines in a browser: as `index.node.ts`, with a `connect` by WebSockets, and nothing of Node. */
export { connectBrowser as connect } from './connection/browser.ts';
export * from './index.ts';
