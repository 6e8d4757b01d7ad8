from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_wrong_codes"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True,
                choices=[("", "As the browser asks"), ("en", "English"), ("de", "Deutsch")],
                default="",
                max_length=7,
            ),
        ),
    ]
