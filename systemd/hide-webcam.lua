-- WirePlumber 0.4: programs of PipeWire see no webcam of USB, so that they can't show the room. SegBlur reads it without
-- PipeWire.
table.insert (v4l2_monitor.rules, {
  matches = {
    { { "api.v4l2.cap.driver", "equals", "uvcvideo" } },
  },
  apply_properties = { ["node.disabled"] = true },
})
