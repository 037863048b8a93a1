"""What staff may do about hedging desks."""

from django.db import migrations

from compliance.groups import install_groups


class Migration(migrations.Migration):
    dependencies = [
        ("hedging", "0001_initial"),
        ("compliance", "0005_staff_of_custody"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(install_groups, migrations.RunPython.noop)]
