"""Charts of a sweep as Plotly figures, for the dashboard, for notebooks and for reports.

Each chart is a function from a `SweepData` to a `Figure`, the JSON form of a Plotly figure.
"""
