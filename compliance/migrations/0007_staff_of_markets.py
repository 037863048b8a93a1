"""What staff may do about the parameters of markets and the positions of accounts."""

from django.db import migrations

from compliance.groups import install_groups


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0006_staff_of_prices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(install_groups, migrations.RunPython.noop)]
