"""Room on each page, so that orders and positions change in place (heap-only updates)."""

from django.db import migrations

ROOM = """
ALTER TABLE trading_order SET (fillfactor = 80);
ALTER TABLE trading_position SET (fillfactor = 50);
ALTER TABLE trading_candle SET (fillfactor = 80);
ALTER TABLE trading_pricepoint SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]

    operations = [migrations.RunSQL(ROOM, migrations.RunSQL.noop)]
