// Grafana's named colours in the page's two themes. Red and orange are those of
// the page's priorities: they are kept for what asks for action.

const BASE: Record<'light' | 'dark', Record<string, string>> = {
  light: { blue: '#2f6fb5', purple: '#7d52a8', green: '#3d8250', yellow: '#b8901a', orange: '#a44a00', red: '#b3180f', text: '#5f6b74' },
  dark: { blue: '#5f9fe0', purple: '#a97fd8', green: '#62b174', yellow: '#d9bd4f', orange: '#ffab5c', red: '#ff7a70', text: '#8f9ba3' },
}

/** How much white (above 0) or black (below) a shade has. */
const SHADES: [string, number][] = [['super-light-', 0.55], ['semi-dark-', -0.15], ['light-', 0.3], ['dark-', -0.32]]

/** Series without a colour of their own take these in turn. */
const PALETTE = ['blue', 'purple', 'green', 'yellow', 'light-blue', 'dark-purple', 'dark-green', 'dark-yellow', 'text']

export type Theme = 'light' | 'dark'

/** The colour of a name, as #rrggbb; a colour that is none of Grafana's names stays as it is. */
export function colour(name: string, theme: Theme): string {
  const [prefix, amount] = SHADES.find(([p]) => name.startsWith(p)) ?? ['', 0]
  const base = BASE[theme][name.slice(prefix.length)]
  return base ? shade(base, amount) : name
}

export const fromPalette = (n: number, theme: Theme) => colour(PALETTE[n % PALETTE.length] ?? 'text', theme)

function shade(hex: string, amount: number): string {
  const target = amount > 0 ? 255 : 0
  const part = (at: number) => {
    const v = parseInt(hex.slice(at, at + 2), 16)
    return Math.round(v + (target - v) * Math.abs(amount)).toString(16).padStart(2, '0')
  }
  return `#${part(1)}${part(3)}${part(5)}`
}
