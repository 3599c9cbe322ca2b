/** The content security policy of the app where a file server serves it; the dashboard sends the same as a header. */
import type { Plugin } from 'vite';

/** The policy. A page cannot say who may frame it: only a header can. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "worker-src 'self' blob:",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Put the policy into the built page. The development server needs scripts and styles in the page. */
export function contentSecurityPolicy(): Plugin {
  const attributes = { 'http-equiv': 'Content-Security-Policy', content: CONTENT_SECURITY_POLICY };
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [{ tag: 'meta', attrs: attributes, injectTo: 'head-prepend' }],
  };
}
