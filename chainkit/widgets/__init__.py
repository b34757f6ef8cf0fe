"""The designer in a notebook: it shows a chain, and turns gestures into operations on it. Decides nothing itself.

===========  =================================================================================================
designer     `Designer`: everything below in one box, and its static twin (SVG and text)
state        what is shown, and every operation; no widget in it, so it is tested without a browser
canvas       the canvas: Python holds the scene, `canvas.js` draws it with vis-network and reports gestures
forms        a form for any service or link, generated from its fields
panels       add, connect, traffic, and the figures
deploying    plan, deploy, send an event, destroy, on the local target
===========  =================================================================================================
"""
