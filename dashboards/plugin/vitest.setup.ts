// What jsdom lacks of a browser and Grafana's components ask for.
if (typeof window !== 'undefined') {
  class Observer {
    observe() {}
    unobserve() {}
    disconnect() {}
  }
  const media = { matches: false, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }
  const ink = { measureText: (text: string) => ({ width: 8 * text.length }) }
  Object.assign(globalThis, { matchMedia: () => media, ResizeObserver: Observer, IntersectionObserver: Observer })
  Object.assign(HTMLCanvasElement.prototype, { getContext: () => ink })
}
