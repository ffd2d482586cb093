import type { Theme } from './colours'

/** The scheme that the page is shown in: canvases do not follow style sheets. */
class Scheme {
  now = $state<Theme>('light')

  constructor() {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const take = () => (this.now = dark.matches ? 'dark' : 'light')
    take()
    dark.addEventListener('change', take)
  }
}

export const scheme = new Scheme()
