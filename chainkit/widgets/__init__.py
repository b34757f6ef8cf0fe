"""The designer in a notebook: it shows a chain, and turns gestures into operations on it. Decides nothing itself.

===========================  =================================================================================
designer                     `Designer`: everything below in one box, and its static twin (SVG and text)
state, clipboard             what is shown, and every operation; no widget in it: tested without a browser
reckoning                    what is known of the chain in hand: errors, findings, a run and its bill
canvas, scene                the canvas; what it draws, as plain values
gestures, story              what each message of the canvas does; one request as the canvas plays it
panel, markup, assets        what all panels share: base, pieces of HTML, `js/` and `css/` joined for the page
tabs                         the panels in tabs, one line each: loaded when a tab is opened
forms                        a form for any service or link, generated from its fields
sliders, knobs               settings to move by hand, and what a slider's value is; figures move with them
costing, cost_words          cost over volume; what its marker says at every volume, made once
sizing                       memory of one function, moves of a right-sizing, Power Tuning's results
deploying, deploy_words      a deployment step by step; what its panel shows, as plain values
faulting, dead_letters       what breaks, simulated and where it runs; what was given up, edited and sent back
worksite, places             what those three share: target, stack and the work under way; where targets can be had
chart                        lines over an axis, laid out in pixels for `js/chart.js` and as SVG
traffic, figures_panel, ...  a panel each, which also stands alone: `TrafficPanel(chain)` ends a cell
===========================  =================================================================================

`js/canvas.js` draws what `scene` says and sends what `gestures` reads; the other files of `js/` are its parts.
"""
