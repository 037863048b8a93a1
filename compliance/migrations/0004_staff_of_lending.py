"""What staff may do about pools, borrow limits, insurance and bad debt."""

from django.db import migrations

from compliance.groups import install_groups


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0003_defaults"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(install_groups, migrations.RunPython.noop)]
