/** The order of the layers of styles, whichever style sheet the browser reads first. */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/** The statement that names all layers, the weakest first. */
export function layerOrder(): string {
  const styles = readFileSync(new URL('src/styles/index.css', import.meta.url), 'utf8');
  const [order] = /^@layer [\w, ]+;/m.exec(styles) ?? [];
  if (order === undefined) throw new Error('src/styles/index.css does not name the order of the layers');
  return order;
}

/**
 * Put the statement at the head of every built style sheet. A chunk that pages share may come before the sheet with the
 * statement, and the layer that is named first is the weakest.
 */
export function layersInOrder(): Plugin {
  return {
    name: 'layers-in-order',
    apply: 'build',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === 'asset' && file.fileName.endsWith('.css')) {
          file.source = `${layerOrder()}${Buffer.from(file.source).toString()}`;
        }
      }
    },
  };
}
