from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="keymap",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="user",
            name="has_single_keys",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="user",
            name="break_minutes",
            field=models.PositiveSmallIntegerField(default=50),
        ),
        migrations.AddField(
            model_name="user",
            name="break_items",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
