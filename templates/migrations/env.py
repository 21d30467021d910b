from alembic import context

from shardctl.migrate import environment

# For `shardctl revision --autogenerate`: the metadata of your models, whose tables bear the
# families' names, such as
#     from myapp.models import Base
#     target_metadata = Base.metadata
target_metadata = None

environment.run(context, target_metadata)
