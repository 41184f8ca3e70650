"""Checking this computer: what `segblur doctor` finds, in a dialog."""

import json
from html import escape
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from vcam.panel import texts
from vcam.panel.service import call_segblur

SIGNS = {"ok": "✓", "warning": "▲", "problem": "✗", "unknown": "?"}
ORDER = ("problem", "warning", "unknown", "ok")  # what is wrong comes first


class Check(QDialog):
    """Runs the checks and shows what they found."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(texts.CHECK_TITLE)
        self.text = QTextBrowser(self)
        self.text.setAccessibleName(texts.CHECK_TITLE)
        self.text.setPlainText(texts.CHECKING)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self._copy = buttons.addButton(texts.COPY, QDialogButtonBox.ButtonRole.ActionRole)
        self._copy.setEnabled(False)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        self.resize(min(560, parent.width()), min(600, parent.height()))
        call_segblur(self, ["doctor", "--json"], self._done)

    def _done(self, _code: int, output: str) -> None:
        """The exit code is 1 where there is a problem, too."""
        findings = findings_of(output)
        self.text.setHtml(as_html(findings) if findings else escape(texts.CHECK_FAILED))
        self._copy.setEnabled(True)


def findings_of(output: str) -> list[dict[str, Any]]:
    """The findings that doctor printed, what is wrong first; none where it could not."""
    try:
        found = json.loads(output)["findings"]
        return sorted(found, key=lambda finding: ORDER.index(finding["state"]))
    except (ValueError, KeyError, TypeError):
        return []


def as_html(findings: list[dict[str, Any]]) -> str:
    """One paragraph each, with the remedy below."""
    parts = [] if any(finding["state"] == "problem" for finding in findings) else [f"<p><b>{texts.ALL_WELL}</b></p>"]
    for finding in findings:
        state = finding["state"]
        remedy = f"<br><code>{escape(finding['remedy'])}</code>" if finding["remedy"] else ""
        text = f"<b>{escape(finding['name'])}</b> ({texts.FINDINGS[state]}): {escape(finding['sentence'])}"
        parts.append(f"<p>{SIGNS[state]} {text}{remedy}</p>")
    return "".join(parts)
