"""Who may run stress tests."""

from django.db import migrations

from compliance.groups import install_groups


class Migration(migrations.Migration):
    dependencies = [
        ("stress", "0001_initial"),
        ("compliance", "0007_staff_of_markets"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(install_groups, migrations.RunPython.noop)]
