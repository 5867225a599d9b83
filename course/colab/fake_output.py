"""A google.colab.output for runs beside Colab: what anywidget asks of it before it shows a widget."""


class _widgets:
    _installed_url = None


def enable_custom_widget_manager():
    pass
