/** A canvas that is drawn again when its size, the theme or its content changes. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import './canvas.css';
import { type Palette, palette } from './palette.ts';

/** The surface to draw on, in CSS px. */
export interface Surface {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
}

export interface CanvasProps {
  /** Draws the content on an empty surface. Another function draws again. */
  readonly draw: (surface: Surface) => void;
  /** Says what the canvas shows. */
  readonly label: string;
  /** Height in CSS px; the width is that of the place. */
  readonly height: number;
  readonly onPointerMove?: ((event: PointerEvent) => void) | undefined;
  readonly onPointerLeave?: ((event: PointerEvent) => void) | undefined;
  readonly onPointerDown?: ((event: PointerEvent) => void) | undefined;
  readonly onClick?: ((event: MouseEvent) => void) | undefined;
  /** Content for readers who cannot see the canvas, such as a table. */
  readonly children?: ComponentChildren;
}

export function Canvas({ draw, label, height, children, ...handlers }: CanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  const colours = palette.value;
  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || width === 0) return;
    const ratio = devicePixelRatio;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    draw({ context, width, height, palette: colours });
  }, [draw, width, height, colours]);
  return (
    <canvas
      ref={canvas}
      class="surface"
      role="img"
      aria-label={label}
      style={{ height: `${height}px` }}
      {...handlers}
    >
      {children}
    </canvas>
  );
}

/** Return the width of an element in CSS px; 0 before it is known. */
export function useWidth(element: { readonly current: Element | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
