"""Plots as SVG, by hand: bars of two workers beside each other, and curves over a logarithmic axis."""
import math

COLOURS = ["#b0642b", "#2b6cb0", "#4a8c4a", "#888888"]
STYLE = "<style>text{font:12px sans-serif;fill:#222}.t{font-weight:bold;font-size:14px}.a{stroke:#999}.g{stroke:#ddd}</style>"


def bars(title, groups, names):
    """`groups`: (label, a value of each name). Bars are as long as their value is of the largest of their plot."""
    largest = max(value for _, values in groups for value in values) or 1
    body, y = [f'<text class="t" x="10" y="20">{title}</text>'], 36
    for label, values in groups:
        body.append(f'<text x="200" y="{y + 9 * len(values) + 4}" text-anchor="end">{label}</text>')
        for name, value, colour in zip(names, values, COLOURS):
            width = max(360 * value / largest, 1)
            body.append(f'<rect x="210" y="{y}" width="{width:.1f}" height="15" fill="{colour}"/><text x="{216 + width:.1f}" y="{y + 12}">{number(value)} {name}</text>')
            y += 18
        y += 10
    return svg(720, y + 6, body)


def curve(title, points, x_label):
    """`points`: (x, y). The y axis begins at 0, so that flat looks flat; x is logarithmic."""
    left, top, width, height = 60, 40, 600, 220
    low, high = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    largest = max(y for _, y in points) * 1.1
    place = lambda x, y: (left + width * (math.log10(x) - low) / ((high - low) or 1), top + height * (1 - y / largest))
    body = [f'<text class="t" x="10" y="20">{title}</text>', f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">{x_label}</text>']
    body.append(f'<path class="a" fill="none" d="M{left} {top}V{top + height}H{left + width}"/>')
    for step in range(5):
        value = largest * step / 4
        y = place(points[0][0], value)[1]
        body.append(f'<path class="g" d="M{left} {y:.1f}H{left + width}"/><text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    body.append(f'<polyline fill="none" stroke="{COLOURS[1]}" stroke-width="2" points="{line}"/>')
    for x, y in points:
        at = place(x, y)
        body.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3" fill="{COLOURS[1]}"/><text x="{at[0]:.1f}" y="{top + height + 16}" text-anchor="middle">{number(x)}</text>')
    return svg(left + width + 40, top + height + 46, body)


def number(value):
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def svg(width, height, body):
    """The file."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">{STYLE}<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
