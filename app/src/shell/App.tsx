/** The frame of every page: navigation, the page itself, and what is said to screen readers. */

/** Draw the app. */
export function App() {
  return <main>mathformer</main>;
}
