"""What anywidget asks of google.colab.output before it shows a widget."""


class _widgets:
    _installed_url = None


def enable_custom_widget_manager():
    pass
