"""The figures of a model card, from the weights file itself."""

from pathlib import Path

from segnet.weights import load_weights


def figures(path: Path) -> str:
    """Markdown: the measured figures and the recipe that the file's header tells. Raises WeightsError."""
    network, info = load_weights(path)
    settings = info.training.get("settings", {})
    lines = [
        "| validation set | pictures | person IoU | boundary IoU | pixel accuracy |",
        "|---|---|---|---|---|",
    ]
    for name, part in info.metrics.items():
        lines.append(
            f"| {name} | {part['pictures']} | {part['iou']:.3f} | {part['boundary_iou']:.3f} | {part['accuracy']:.3f} |"
        )
    step, batch = info.training.get("step", 0), settings.get("batch", 0)
    lines += [
        "",
        f"- {sum(p.numel() for p in network.parameters()):,} parameters, {path.stat().st_size:,} bytes, classes: "
        f"{', '.join(info.classes)}",
        f"- {step:,} steps of {batch} pictures ({step * batch:,} in all) at about "
        f"{info.input_size[0]}×{info.input_size[1]}",
        f"- learning rate {settings.get('learning_rate')}, decay over the last {settings.get('decay', 0):.0%} of the "
        f"steps, weight decay {settings.get('weight_decay')}, averaged weights {settings.get('ema')}, seed "
        f"{settings.get('seed')}",
        f"- drawn from: {', '.join(f'{name} ({weight})' for name, weight in settings.get('sets', {}).items())}",
        f"- sha256 of the training data's manifest: `{info.training.get('data_sha256')}`",
    ]
    return "\n".join(lines)
