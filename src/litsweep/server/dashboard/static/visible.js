// What is in view.

const watched = new Map();
const visible = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const state = watched.get(target);
      state.isVisible = isIntersecting;
      if (isIntersecting) state.show();
    }
  },
  { rootMargin: "300px" },
);

/** Call `show` when an element comes into view. Return a function that tells whether it is in view. */
export function whenVisible(element, show) {
  const state = { show, isVisible: false };
  watched.set(element, state);
  visible.observe(element);
  return () => state.isVisible;
}
