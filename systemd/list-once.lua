-- WirePlumber 0.4: programs of PipeWire see SegBlur Camera once, not the kernel's device of it as well.
table.insert (v4l2_monitor.rules, {
  matches = {
    { { "api.v4l2.cap.driver", "equals", "v4l2 loopback" }, { "api.v4l2.cap.card", "matches", "SegBlur Camera*" } },
  },
  apply_properties = { ["node.disabled"] = true },
})
